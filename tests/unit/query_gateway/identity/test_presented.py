"""Credentials are read from the one header that holds them, or not at all."""

import base64

import pytest

from query_gateway.failures import Failure
from query_gateway.identity.presented import Presented


def basic(text: str | bytes) -> str:
    raw = text.encode() if isinstance(text, str) else text
    return f"Basic {base64.b64encode(raw).decode()}"


@pytest.mark.parametrize(
    ("authorization", "bearer", "key"),
    [
        pytest.param("Bearer x.y.z", "x.y.z", "x.y.z", id="bearer"),
        pytest.param("bEARER   x", "x", "x", id="the scheme in any case, blanks around"),
        pytest.param(basic("user:secret"), None, "secret", id="basic: the password"),
        pytest.param(basic(":secret"), None, "secret", id="basic without a user"),
        pytest.param(basic("user:a:b"), None, "a:b", id="the first colon separates"),
        pytest.param(basic("user"), None, None, id="basic without a colon"),
        pytest.param(basic(b"user:\xff"), None, None, id="basic that is not UTF-8"),
        pytest.param("Basic !!!", None, None, id="basic that is not base64"),
        pytest.param("Basic", None, None, id="a scheme alone"),
        pytest.param("Bearer", "", "", id="bearer without a token"),
        pytest.param("Digest x", None, None, id="another scheme"),
        pytest.param("", None, None, id="empty"),
        pytest.param("Bearer " + "x" * 20_000, None, None, id="too long to be one"),
    ],
)
def test_the_authorization_header(authorization: str, bearer: str | None, key: str | None) -> None:
    presented = Presented(peer=None, authorization=(authorization,))

    assert (presented.bearer, presented.key) == (bearer, key)


def test_a_key_has_a_header_of_its_own() -> None:
    presented = Presented(peer=None, keys=("k",))

    assert (presented.bearer, presented.key) == (None, "k")


@pytest.mark.parametrize(
    "presented",
    [
        pytest.param(Presented(peer=None, keys=("a", "a")), id="two keys"),
        pytest.param(Presented(peer=None, keys=("a",), authorization=("Bearer b",)), id="both"),
        pytest.param(Presented(peer=None, authorization=("Bearer a", "Bearer b")), id="two"),
    ],
)
def test_two_credentials_are_none(presented: Presented) -> None:
    with pytest.raises(Failure, match="more than one credential") as raised:
        _ = presented.key

    assert raised.value.kind == "unauthenticated"
