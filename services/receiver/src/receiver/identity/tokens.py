"""Our own tokens: JSON Web Tokens that say which cluster may push to which job; pure but for ids."""

import secrets
from typing import Any

import jwt

from receiver import refusal
from receiver.identity.keyring import ALGORITHM, Key, Keyring
from receiver.identity.source import Source
from tenantry_common.subjects import JobRef

ISSUER = "tenantry-receiver"
AUDIENCE = "tenantry-push"
_LEEWAY_SECONDS = 30
_LONGEST = 8192
_CLAIMS = ["iss", "aud", "sub", "exp", "iat", "jti", "tenant", "job", "credential"]


def issue(key: Key, source: Source, now: float, seconds: int) -> str:
    """Return a token by which `source` is known for so many `seconds`."""
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": source.cluster,
        "tenant": source.job.tenant,
        "job": source.job.name,
        "credential": source.credential,
        "iat": int(now),
        "exp": int(now) + seconds,
        "jti": secrets.token_hex(12),  # typed behind `revoke token`
    }
    return jwt.encode(claims, key.signing, algorithm=ALGORITHM, headers={"kid": key.kid})


def is_ours(token: str) -> bool:
    """Return whether `token` says that it is one of ours, which others' tokens do not."""
    if token.count(".") != 2 or len(token) > _LONGEST:
        return False
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError):
        return False
    return bool(claims.get("iss") == ISSUER)


def verify(keyring: Keyring, token: str, now: float) -> tuple[Source, float]:
    """Return whose `token` it is, and until when (seconds since the epoch) that holds.

    Raises `refusal.Refused` for one that is not valid.
    """
    claims = _claims(keyring, token)
    texts = ("sub", "tenant", "job", "jti", "credential")
    if not all(isinstance(claims[name], str) for name in texts) or not claims["sub"]:
        raise refusal.unauthenticated("the token is not valid")
    expires = float(claims["exp"])
    if expires + _LEEWAY_SECONDS <= now or claims["iat"] - _LEEWAY_SECONDS > now:
        raise refusal.unauthenticated("the token has expired")
    source = Source(
        job=JobRef(claims["tenant"], claims["job"]),
        cluster=claims["sub"],
        mode="token",
        credential=claims["credential"],
        token=claims["jti"],
    )
    return source, expires + _LEEWAY_SECONDS


def _claims(keyring: Keyring, token: str) -> dict[str, Any]:
    try:
        if len(token) > _LONGEST:
            raise jwt.InvalidTokenError
        key = keyring.verifying(jwt.get_unverified_header(token).get("kid"))
        if key is None:
            raise refusal.unauthenticated("the token is not valid: its key is not known")
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            issuer=ISSUER,
            audience=AUDIENCE,
            # Times are compared by the caller's clock.
            options={"require": _CLAIMS, "verify_exp": False, "verify_iat": False},
        )
    except (jwt.PyJWTError, ValueError) as error:
        raise refusal.unauthenticated("the token is not valid") from error
    if not all(isinstance(claims[name], int | float) for name in ("exp", "iat")):
        raise refusal.unauthenticated("the token is not valid")
    return claims
