"""A key is read strictly, and only its own secret fits its hash."""

import pytest

from tenantry_common import api_key
from tenantry_common.api_key import Key

SECRET = "s3cret-s3cret_s3cret-s3cret"  # noqa: S105 - of nobody
# hashlib.scrypt(b"s3cret-s3cret_s3cret-s3cret", salt=b"0123456789abcdef", n=2**10, r=8, p=1, dklen=32)
KNOWN = "$scrypt$ln=10,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$xH78pvfDMfZSEdX2TctcIC3iEth9rIGUARTrOxXYC94"


def test_a_new_key_is_read_and_fits_its_hash_only() -> None:
    text = api_key.new("grafana-shop")
    key = api_key.read(text)
    assert key is not None
    hashed = api_key.make(key.secret)

    assert (key.id, api_key.problem(hashed)) == ("grafana-shop", "")
    assert api_key.fits(hashed, key.secret)
    assert not api_key.fits(hashed, key.secret + "x")
    assert not api_key.fits(hashed, key.secret[:-1])
    assert not api_key.fits(hashed, "")
    assert api_key.make(key.secret) != hashed, "every hash has a salt of its own"


def test_a_hash_is_what_rfc_7914_says() -> None:
    assert api_key.fits(KNOWN, SECRET)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        pytest.param(f"tnt_a_{SECRET}", Key("a", SECRET), id="a key"),
        pytest.param(f"tnt_shop.x-1_{SECRET}", Key("shop.x-1", SECRET), id="a longer id"),
        pytest.param("tnt_a_" + "x" * 22, Key("a", "x" * 22), id="128 bits"),
        pytest.param("tnt_a_" + "x" * 21, None, id="fewer"),
        pytest.param("tnt_a_" + "x" * 257, None, id="far more"),
        pytest.param(f"tnt__{SECRET}", None, id="no id"),
        pytest.param(f"tnt_A_{SECRET}", None, id="upper case in the id"),
        pytest.param(f"tnt_-a_{SECRET}", None, id="a dash in front"),
        pytest.param("tnt_" + "a" * 64 + f"_{SECRET}", None, id="a long id"),
        pytest.param(f"TNT_a_{SECRET}", None, id="another prefix"),
        pytest.param(f"tnt_a_{SECRET}\n", None, id="a line break"),
        pytest.param(f"tnt_a_{SECRET}é", None, id="another character"),
        pytest.param("tnt_a", None, id="no secret"),
        pytest.param("", None, id="nothing"),
    ],
)
def test_keys_are_read_strictly(text: str, key: Key | None) -> None:
    assert api_key.read(text) == key


@pytest.mark.parametrize(
    ("hashed", "problem"),
    [
        pytest.param(KNOWN.replace("xH78", "AAAA"), "", id="scrypt of another"),
        pytest.param("$scrypt$ln=20,r=16,p=1$" + "A" * 22 + "$" + "A" * 43, "memory", id="too big"),
        pytest.param(
            "$scrypt$ln=9,r=8,p=1$" + "A" * 22 + "$" + "A" * 43, "not a scrypt hash", id="too weak"
        ),
        pytest.param(
            "$scrypt$ln=14,r=8,p=1$" + "A" * 22 + "$AAAA", "not a scrypt hash", id="too short"
        ),
        pytest.param("$2b$12$abcdefghijklmnopqrstuv", "not a scrypt hash", id="bcrypt"),
        pytest.param("5f4dcc3b5aa765d61d8327deb882cf99", "not a scrypt hash", id="MD5"),
        pytest.param(SECRET, "not a scrypt hash", id="the secret itself"),
        pytest.param("", "not a scrypt hash", id="nothing"),
    ],
)
def test_a_hash_that_cannot_be_used_is_told(hashed: str, problem: str) -> None:
    assert (problem in api_key.problem(hashed)) if problem else api_key.problem(hashed) == ""
    assert not api_key.fits(hashed, SECRET)


@pytest.mark.parametrize("id", ["", "a_b", "A", "a" * 64, "a/b", "-a", "a."])
def test_an_id_that_cannot_be_one(id: str) -> None:
    with pytest.raises(ValueError, match="an id consists of"):
        api_key.new(id)
