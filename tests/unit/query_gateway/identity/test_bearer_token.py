"""Only what an issuer has signed for us, and that is valid now, is believed."""

import contextlib
import re
import time
from collections.abc import Callable
from typing import Any

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from query_gateway.failures import Failure
from query_gateway.identity import bearer_token, jwk_set
from query_gateway.identity.bearer_token import Expected, Unverified
from query_gateway.identity.settings import ASYMMETRIC
from query_gateway.identity.testing import Issuer, segment

EXPECTED = Expected(
    issuer="https://issuer.example",
    audiences=("tenantry", "metrics"),
    algorithms=("RS256", "PS256", "ES256", "ES384", "EdDSA"),
    leeway_seconds=30,
)


def issuer(algorithm: str = "ES256") -> Issuer:
    made = Issuer()
    made.rotate("k1", algorithm)
    return made


ISSUER = issuer()
RSA = issuer("RS256")


def verify(by: Issuer, token: str, expected: Expected = EXPECTED) -> dict[str, Any]:
    """Do what the mode does: read, find the key, verify."""
    claimed = bearer_token.peek(token)
    if claimed is None:
        raise Failure("unauthenticated", "no token")
    key = jwk_set.parse(by.document).find(claimed.key_id, claimed.algorithm)
    if key is None:
        raise Failure("unauthenticated", "no key")
    return dict(bearer_token.verify(token, key, expected))


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "ES384", "EdDSA"])
def test_a_token_that_the_issuer_signed_is_believed(algorithm: str) -> None:
    by = issuer(algorithm)

    assert verify(by, by.token())["sub"] == "alice"


type Change = Callable[[int], dict[str, Any]]
"""From the time in seconds to the claims that are other than usual."""


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(
            lambda _: {"aud": ["other", "metrics"]}, id="one of several audiences is ours"
        ),
        pytest.param(lambda now: {"exp": now - 20}, id="expired within the leeway"),
        pytest.param(lambda now: {"nbf": now + 20}, id="not yet valid within the leeway"),
        pytest.param(lambda _: {"iat": None}, id="without the time of issue"),
        pytest.param(lambda _: {"sub": None}, id="without a subject"),
    ],
)
def test_differences_that_do_no_harm(changed: Change) -> None:
    assert verify(ISSUER, ISSUER.token(**changed(int(time.time()))))["iss"] == EXPECTED.issuer


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        pytest.param(lambda now: {"exp": now - 31}, "it has expired", id="expired"),
        pytest.param(lambda _: {"exp": None}, "it has no claim exp", id="never expires"),
        pytest.param(lambda _: {"exp": "soon"}, "it cannot be verified", id="expires at no time"),
        pytest.param(lambda now: {"nbf": now + 40}, "it is not valid yet", id="not yet valid"),
        pytest.param(
            lambda now: {"iat": now + 40}, "it is not valid yet", id="issued in the future"
        ),
        pytest.param(lambda _: {"aud": "other"}, "it is for somebody else", id="another audience"),
        pytest.param(lambda _: {"aud": None}, "it has no claim aud", id="no audience"),
        pytest.param(lambda _: {"aud": []}, "it has no claim aud", id="an empty audience"),
        pytest.param(
            lambda _: {"aud": {"tenantry": 1}}, "it is for somebody else", id="a map of audiences"
        ),
        pytest.param(
            lambda _: {"aud": "tenantry "}, "it is for somebody else", id="nearly our audience"
        ),
        pytest.param(
            lambda _: {"iss": "https://issuer.example/"}, "it cannot be verified", id="issuer"
        ),
    ],
)
def test_claims_that_do_not_fit(changed: Change, reason: str) -> None:
    with pytest.raises(Failure, match=f"^the token is not valid: {re.escape(reason)}$") as raised:
        verify(ISSUER, ISSUER.token(**changed(int(time.time()))))

    assert raised.value.status == 401


def tampered(token: str, part: int, change: Callable[[dict[str, Any]], dict[str, Any]]) -> str:
    parts = token.split(".")
    raw = parts[part] + "=" * (-len(parts[part]) % 4)
    parts[part] = segment(change(msgspec.json.decode(jwt.utils.base64url_decode(raw))))
    return ".".join(parts)


def more_tenants(claims: dict[str, Any]) -> dict[str, Any]:
    return {**claims, "tenants": ["bank"]}


def signed_with_another_algorithm() -> str:
    """Sign with the RSA key, but by another scheme than the header says."""
    (key,) = RSA.keys.values()
    token = jwt.encode(RSA.claims(), key, "PS256", headers={"kid": "k1"})
    return tampered(token, 0, lambda head: {**head, "alg": "RS256"})


def with_own_key() -> str:
    """Carry the key that verifies it."""
    other = issuer()
    (jwk,) = msgspec.json.decode(other.document)["keys"]
    return other.token(headers={"jwk": jwk, "kid": "k1", "jku": "https://evil.example/keys"})


FORGED = [
    pytest.param(ISSUER, ISSUER.unsigned(), id="alg none"),
    pytest.param(ISSUER, ISSUER.unsigned("None"), id="alg None"),
    pytest.param(ISSUER, ISSUER.unsigned("nOnE"), id="alg nOnE"),
    pytest.param(ISSUER, ISSUER.unsigned("ES256"), id="no signature"),
    pytest.param(ISSUER, ISSUER.unsigned(""), id="no algorithm"),
    pytest.param(RSA, RSA.confused(), id="the public key as HMAC secret, PEM"),
    pytest.param(RSA, RSA.confused(Encoding.DER), id="the public key as HMAC secret, DER"),
    pytest.param(ISSUER, ISSUER.confused(), id="the same with an EC key"),
    pytest.param(ISSUER, ISSUER.foreign(), id="another's key under the issuer's id"),
    pytest.param(ISSUER, ISSUER.foreign(headers={"kid": "k2"}), id="an unknown key"),
    pytest.param(ISSUER, ISSUER.foreign(headers={"kid": "../../../../dev/null"}), id="kid: a path"),
    pytest.param(ISSUER, ISSUER.foreign(headers={"kid": "k1' OR '1'='1"}), id="kid: SQL"),
    pytest.param(
        ISSUER, ISSUER.foreign(headers={"kid": "https://evil.example/keys"}), id="kid: a URL"
    ),
    pytest.param(ISSUER, ISSUER.foreign(headers={"kid": ""}), id="kid: empty"),
    pytest.param(ISSUER, with_own_key(), id="a key that it brings along"),
    pytest.param(ISSUER, tampered(ISSUER.token(), 1, more_tenants), id="changed claims"),
    pytest.param(RSA, signed_with_another_algorithm(), id="another algorithm than it says"),
    pytest.param(ISSUER, ISSUER.token() + "A", id="a longer signature"),
    pytest.param(ISSUER, ISSUER.token()[:-4], id="a shorter signature"),
    pytest.param(ISSUER, ISSUER.token().rsplit(".", 1)[0] + "." + segment(bytes(64)), id="zeros"),
    pytest.param(
        ISSUER, ISSUER.token(headers={"crit": ["b64"], "b64": True}), id="critical extension"
    ),
    pytest.param(ISSUER, ISSUER.token(headers={"crit": ["exp"]}), id="unknown extension"),
]


@pytest.mark.parametrize(("by", "token"), FORGED)
def test_a_forged_token_is_not_believed(by: Issuer, token: str) -> None:
    every = Expected(
        issuer=EXPECTED.issuer,
        audiences=EXPECTED.audiences,
        algorithms=tuple(ASYMMETRIC),
        leeway_seconds=0,
    )
    with pytest.raises(Failure) as raised:
        verify(by, token, every)

    assert raised.value.kind == "unauthenticated"


def test_an_algorithm_that_is_not_configured_is_not_believed() -> None:
    only = Expected(
        issuer=EXPECTED.issuer, audiences=("tenantry",), algorithms=("RS256",), leeway_seconds=0
    )

    with pytest.raises(Failure, match="cannot be verified"):
        verify(ISSUER, ISSUER.token(), only)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("x", id="opaque"),
        pytest.param("a.b", id="two parts"),
        pytest.param("a.b.c.d.e", id="encrypted"),
        pytest.param("a.b.c", id="three parts of nothing"),
        pytest.param(f"{segment({'alg': 'ES256'})}.{segment({'iss': 1})}.", id="iss: a number"),
        pytest.param(f"{segment({})}.{segment({'iss': 'x'})}.", id="no algorithm"),
        pytest.param(f"{segment({'alg': ['ES256']})}.{segment({'iss': 'x'})}.", id="alg: a list"),
        pytest.param(f"{segment(b'[]')}.{segment({'iss': 'x'})}.", id="head: a list"),
        pytest.param(f"{segment({'alg': 'x'})}.{segment(b'[1]')}.", id="claims: a list"),
        pytest.param(f"{segment({'alg': 'x'})}.{segment(b'{' * 4000)}.", id="claims: not JSON"),
        pytest.param(f"{segment(b'[' * 9000)}.{segment({})}.", id="head: deep"),
        pytest.param(f"{segment({'alg': 'x', 'kid': 7})}.{segment({'iss': 'x'})}.", id="kid: 7"),
        pytest.param("x" * 17_000 + "..", id="too long"),
        pytest.param("é.é.é", id="not ASCII"),
        pytest.param("\udcff.a.b", id="not UTF-8"),
    ],
)
def test_what_is_no_signed_token(text: str) -> None:
    assert bearer_token.peek(text) is None


def test_what_a_token_claims() -> None:
    assert bearer_token.peek(ISSUER.token()) == Unverified(
        issuer="https://issuer.example", algorithm="ES256", key_id="k1"
    )


CLAIMS = {
    "tenants": ["a", "b"],
    "https://example.com/tenants": "c",
    "realm": {"roles": ["d", 7, None, ["e"]], "a/b": "f", "m~n": "g"},
    "number": 7,
    "": "h",
}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("tenants", ("a", "b"), id="a list"),
        pytest.param("https://example.com/tenants", ("c",), id="a claim named by a URL"),
        pytest.param("/realm/roles", ("d",), id="a pointer; only texts of a list"),
        pytest.param("/realm/a~1b", ("f",), id="an escaped slash"),
        pytest.param("/realm/m~0n", ("g",), id="an escaped tilde"),
        pytest.param("/", ("h",), id="the empty name"),
        pytest.param("realm", (), id="an object is no name"),
        pytest.param("number", (), id="a number is no name"),
        pytest.param("/tenants/0", (), id="no pointer into a list"),
        pytest.param("missing", (), id="nothing there"),
        pytest.param("/realm/roles/x/y", (), id="nothing below"),
    ],
)
def test_names_are_found_in_claims(path: str, expected: tuple[str, ...]) -> None:
    assert bearer_token.names(CLAIMS, path) == expected


_PARTS = st.one_of(
    st.dictionaries(
        st.sampled_from(["alg", "kid", "iss", "aud", "exp", "crit", "b64", "typ", "zip"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
            lambda inner: (
                st.lists(inner, max_size=2)
                | st.dictionaries(st.text(max_size=3), inner, max_size=2)
            ),
            max_leaves=4,
        ),
    ).map(segment),
    st.binary(max_size=20).map(segment),
    st.text(max_size=20),
)


@given(st.lists(_PARTS, min_size=1, max_size=4).map(".".join))
def test_whatever_is_presented_it_is_a_refusal_and_no_fault(text: str) -> None:
    with contextlib.suppress(Failure):
        verify(ISSUER, text)
        pytest.fail("it was believed")


@given(
    st.dictionaries(
        st.sampled_from(["exp", "nbf", "iat", "aud", "sub", "jti", "iss"]),
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False)
        | st.text(max_size=5),
    )
)
def test_whatever_an_issuer_signs_it_is_believed_or_refused(claims: dict[str, Any]) -> None:
    (key,) = ISSUER.keys.values()
    head = segment({"alg": "ES256", "kid": "k1"})
    signed = f"{head}.{segment(ISSUER.claims(**claims))}"
    signature = jwt.algorithms.ECAlgorithm(jwt.algorithms.ECAlgorithm.SHA256).sign(
        signed.encode(),
        key,  # type: ignore[arg-type]  # it is one for ES256
    )
    with contextlib.suppress(Failure):
        found = verify(ISSUER, f"{signed}.{segment(signature)}")
        assert bearer_token.expiry(found) > time.time() - 60
