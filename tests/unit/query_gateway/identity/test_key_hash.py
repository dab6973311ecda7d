"""Only its own secret fits a hash, whoever made it."""

import argon2
import pytest

from query_gateway.identity import key_hash

SECRET = "s3cret-s3cret_s3cret-s3cret"  # noqa: S105 - of nobody
# hashlib.scrypt(b"s3cret-s3cret_s3cret-s3cret", salt=b"0123456789abcdef", n=2**10, r=8, p=1, dklen=32)
KNOWN = "$scrypt$ln=10,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$xH78pvfDMfZSEdX2TctcIC3iEth9rIGUARTrOxXYC94"


def test_argon2_hashes_of_other_tools_fit_too() -> None:
    hashed = argon2.PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(SECRET)

    assert key_hash.problem(hashed) == ""
    assert key_hash.fits(hashed, SECRET)
    assert not key_hash.fits(hashed, SECRET + "x")
    assert not key_hash.fits(hashed[:-4], SECRET)


def test_our_own_hashes_fit() -> None:
    assert key_hash.fits(KNOWN, SECRET)


@pytest.mark.parametrize(
    ("hashed", "problem"),
    [
        pytest.param(KNOWN.replace("xH78", "AAAA"), "", id="scrypt of another"),
        pytest.param("$scrypt$ln=20,r=16,p=1$" + "A" * 22 + "$" + "A" * 43, "memory", id="too big"),
        pytest.param("$scrypt$ln=9,r=8,p=1$" + "A" * 22 + "$" + "A" * 43, "not a", id="too weak"),
        pytest.param("$scrypt$ln=14,r=8,p=1$" + "A" * 22 + "$AAAA", "not a", id="too short"),
        pytest.param("$argon2id$v=19$m=999999999,t=1,p=1$AAAA$AAAA", "memory", id="argon2 too big"),
        pytest.param("$2b$12$abcdefghijklmnopqrstuv", "neither", id="bcrypt"),
        pytest.param("5f4dcc3b5aa765d61d8327deb882cf99", "neither", id="MD5"),
        pytest.param(SECRET, "neither", id="the secret itself"),
        pytest.param("", "neither", id="nothing"),
    ],
)
def test_a_hash_that_cannot_be_used_is_told(hashed: str, problem: str) -> None:
    assert (problem in key_hash.problem(hashed)) if problem else key_hash.problem(hashed) == ""
    assert not key_hash.fits(hashed, SECRET)
