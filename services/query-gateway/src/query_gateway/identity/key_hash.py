"""Hashes of API keys, ours (`tenantry_common.api_key`) and argon2's own ``$argon2id$…``; pure."""

import re

import argon2

from tenantry_common import api_key

_ARGON2 = re.compile(r"\$argon2(?:id|i|d)\$v=\d+\$m=(\d+),t=(\d+),p=(\d+)\$[A-Za-z0-9+/$]+")
_MOST_MEMORY = 256 * 1024 * 1024

_argon2 = argon2.PasswordHasher()


def problem(hashed: str) -> str:
    """Return why `hashed` cannot be used, or the empty string."""
    if found := _ARGON2.fullmatch(hashed):
        return "" if int(found[1]) * 1024 <= _MOST_MEMORY else "argon2 would need too much memory"
    if hashed.startswith("$scrypt$"):
        return api_key.problem(hashed)
    return "neither a scrypt nor an argon2 hash"


def fits(hashed: str, secret: str) -> bool:
    """Return whether `secret` has this hash, in a time that does not depend on how it differs.

    Takes tens of milliseconds and megabytes. False for a hash that `problem` finds fault with.
    """
    if problem(hashed):
        return False
    if hashed.startswith("$scrypt$"):
        return api_key.fits(hashed, secret)
    try:
        return _argon2.verify(hashed, secret)
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return False
