"""A key signs from its time on, and nothing is believed of a file that is wrong."""

import msgspec
import pytest

from receiver.identity import keyring, rotation
from receiver.identity.keyring import NotAKeyring

OLD, NEW = rotation.new(100), rotation.new(200)
BOTH = rotation.private_document((OLD, NEW))


@pytest.mark.parametrize(
    ("now", "kid"), [(99, None), (100, OLD.kid), (199, OLD.kid), (200, NEW.kid)]
)
def test_the_newest_key_whose_time_has_come_signs(now: int, kid: str | None) -> None:
    found = keyring.parse(BOTH).signing(now)

    assert (found.kid if found else None) == kid


def test_every_key_verifies_and_no_other() -> None:
    ring = keyring.parse(rotation.public_document((OLD, NEW)))

    assert ring.verifying(OLD.kid) is not None
    assert ring.verifying(NEW.kid) is not None
    assert [ring.verifying(kid) for kid in ("other", None, 5, ["x"])] == [None] * 4
    assert ring.signing(1000) is None


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{}", id="no keys"),
        pytest.param(b"\xff", id="no text"),
        pytest.param(BOTH.replace(b"Ed25519", b"P-256"), id="another curve"),
        pytest.param(BOTH.replace(OLD.x.encode(), b"AAAA"), id="a short key"),
        pytest.param(BOTH.replace(NEW.kid.encode(), OLD.kid.encode()), id="one id twice"),
        pytest.param(BOTH.replace(b"EdDSA", b"HS256"), id="another algorithm"),
    ],
)
def test_a_file_that_is_wrong(document: bytes) -> None:
    with pytest.raises(NotAKeyring) as error:
        keyring.parse(document)
    assert str(OLD.d) not in str(error.value)


def test_a_private_key_is_not_shown() -> None:
    decoded = msgspec.json.decode(rotation.public_document((OLD,)))

    assert "d" not in decoded["keys"][0]
