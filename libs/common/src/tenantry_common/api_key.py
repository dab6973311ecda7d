"""API keys as text, and their hashes; pure but for randomness.

A key is ``tnt_<id>_<secret>``: the id finds the hash without trying all of them, the prefix lets
scanners of source code find a leaked key. Hashes are written as ``$scrypt$ln=…,r=…,p=…$salt$hash``
(RFC 7914; base64 without padding).
"""

import base64
import hashlib
import hmac
import re
import secrets
from typing import NamedTuple

PREFIX = "tnt_"

_ID = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?")
_SECRET = re.compile(r"[A-Za-z0-9_-]{22,256}")  # at least 128 bits
_SCRYPT = re.compile(
    r"\$scrypt\$ln=(1[0-9]|20),r=([1-9]|1[0-6]),p=([1-9]|1[0-6])"
    r"\$([A-Za-z0-9+/]{16,128})\$([A-Za-z0-9+/]{43,86})"
)
_MOST_MEMORY = 256 * 1024 * 1024
_LN, _R, _P = 14, 8, 1  # 16 MiB and some 30 ms; the secrets are random, so more would be for show


class Key(NamedTuple):
    """A key as it is presented, taken apart."""

    id: str
    secret: str


def read(text: str) -> Key | None:
    """Return the key that `text` is, None where it is none."""
    id, separator, secret = text.removeprefix(PREFIX).partition("_")
    if not text.startswith(PREFIX) or not separator:
        return None
    if not _ID.fullmatch(id) or not _SECRET.fullmatch(secret):
        return None
    return Key(id, secret)


def new(id: str) -> str:
    """Return a new key with 256 random bits. Raises ValueError for an id that cannot be one."""
    if not _ID.fullmatch(id):
        raise ValueError("an id consists of a-z, 0-9, '-' and '.', 63 characters at most")
    return f"{PREFIX}{id}_{secrets.token_urlsafe(32)}"


def make(secret: str, ln: int = _LN) -> str:
    """Return a hash of `secret` that costs 2 to the power of `ln`."""
    salt = secrets.token_bytes(16)
    hashed = _scrypt(secret, salt, ln, _R, _P, 32)
    return f"$scrypt$ln={ln},r={_R},p={_P}${_encode(salt)}${_encode(hashed)}"


def problem(hashed: str) -> str:
    """Return why `hashed` cannot be used, or the empty string."""
    if found := _SCRYPT.fullmatch(hashed):
        ln, r = int(found[1]), int(found[2])
        return "" if 128 * r * 2**ln <= _MOST_MEMORY else "scrypt would need too much memory"
    return "not a scrypt hash that can be used"


def fits(hashed: str, secret: str) -> bool:
    """Return whether `secret` has this hash, in a time that does not depend on how it differs.

    Takes tens of milliseconds and megabytes. False for a hash that `problem` finds fault with.
    """
    found = _SCRYPT.fullmatch(hashed)
    if found is None or problem(hashed):
        return False
    expected = _decode(found[5])
    computed = _scrypt(
        secret, _decode(found[4]), int(found[1]), int(found[2]), int(found[3]), len(expected)
    )
    return hmac.compare_digest(computed, expected)


def _scrypt(secret: str, salt: bytes, ln: int, r: int, p: int, size: int) -> bytes:
    return hashlib.scrypt(
        secret.encode(), salt=salt, n=2**ln, r=r, p=p, dklen=size, maxmem=2 * _MOST_MEMORY
    )


def _encode(raw: bytes) -> str:
    return base64.b64encode(raw).decode().rstrip("=")


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4))
