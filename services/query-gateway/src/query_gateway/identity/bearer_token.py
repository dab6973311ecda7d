"""Read a signed token (RFC 7519), and verify it with an issuer's keys; no input or output.

What the token says about itself chooses nothing but the key: not the algorithm's kind, not where a
key comes from (`jku`, `x5u`, `jwk` and `x5c` are never looked at).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jwt
import msgspec

from query_gateway.failures import Failure

_LONGEST = 16 * 1024


@dataclass(frozen=True, kw_only=True)
class Unverified:
    """What a token claims before anything of it is believed."""

    issuer: str
    algorithm: str
    key_id: object


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What a token of one issuer must say."""

    issuer: str
    audiences: Sequence[str]
    algorithms: Sequence[str]
    leeway_seconds: float


def peek(token: str) -> Unverified | None:
    """Return what `token` says of its origin, None where it is no signed token at all."""
    if len(token) > _LONGEST or token.count(".") != 2:
        return None
    try:
        # `decode_complete` without verification also reads the claims: who is to verify it?
        read = jwt.decode_complete(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError):
        return None
    issuer, algorithm = read["payload"].get("iss"), read["header"].get("alg")
    if not isinstance(issuer, str) or not isinstance(algorithm, str):
        return None
    return Unverified(issuer=issuer, algorithm=algorithm, key_id=read["header"].get("kid"))


def verify(token: str, key: jwt.PyJWK, expected: Expected) -> Mapping[str, Any]:
    """Return the claims of `token`, signed by `key` and valid now. Raises `Failure`."""
    try:
        claims = jwt.decode(
            token,
            key,
            algorithms=list(expected.algorithms),
            audience=list(expected.audiences),
            issuer=expected.issuer,
            leeway=expected.leeway_seconds,
            options={"require": ["exp", "iss", "aud"], "enforce_minimum_key_length": True},
        )
    except jwt.PyJWTError as error:
        raise Failure("unauthenticated", f"the token is not valid: {_reason(error)}") from error
    except (ValueError, TypeError, OverflowError) as error:
        raise Failure("unauthenticated", "the token is not valid") from error
    return dict(claims)


def _reason(error: jwt.PyJWTError) -> str:
    match error:
        case jwt.ExpiredSignatureError():
            return "it has expired"
        case jwt.ImmatureSignatureError():
            return "it is not valid yet"
        case jwt.InvalidAudienceError():
            return "it is for somebody else"
        case jwt.MissingRequiredClaimError():
            return f"it has no claim {error.claim}"
        case jwt.InvalidSignatureError():
            return "its signature does not fit"
        case _:
            return "it cannot be verified"


def names(claims: Mapping[str, Any], path: str) -> tuple[str, ...]:
    """Return the strings at `path`: a claim's name, or a JSON pointer (RFC 6901) beginning with `/`.

    A string is one name; in a list, what is no string is left out; anything else is no name.
    """
    value: Any = claims
    for step in _steps(path):
        if not isinstance(value, Mapping) or step not in value:
            return ()
        value = value[step]
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list):
        return tuple(one for one in value if isinstance(one, str))
    return ()


def _steps(path: str) -> Sequence[str]:
    if not path.startswith("/"):
        return [path]
    return [step.replace("~1", "/").replace("~0", "~") for step in path[1:].split("/")]


def expiry(claims: Mapping[str, Any]) -> float:
    """Return `exp` in seconds since the epoch; `verify` has made sure of it."""
    return msgspec.convert(claims["exp"], float, strict=False)
