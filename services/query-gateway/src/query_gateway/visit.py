"""One request from its beginning to its end, as audit, metrics and logs see it; pure."""

import hashlib
import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from query_gateway.identity.principal import Principal

REQUEST_ID_HEADER = "X-Request-Id"

_SANE = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")
_DIGEST_CHARACTERS = 32


@dataclass(kw_only=True)
class Visit:
    """What is known of a request so far. It grows while the request goes through the gateway."""

    id: str
    """Names the request in logs and in the answer."""
    endpoint: str
    """The endpoint's name; `other` is none of ours."""
    peer: str = ""
    """Address at the other end of the connection."""
    principal: Principal | None = None
    """Who asks, once that is known."""
    tenant: str = ""
    """The tenant that is asked for, once that is known; whether rightly, the outcome says."""
    broken_off: bool = False
    """Whether the answer ended before its end."""
    digest: str = ""
    """SHA-256 of the query or selectors, shortened: tells equal ones, and not what they say."""


def request_id(given: Iterable[str], new: Callable[[], str] = lambda: secrets.token_hex(16)) -> str:
    """Return the id that the request has brought along, if that is one, else a `new` one."""
    values = tuple(given)
    if len(values) == 1 and _SANE.fullmatch(values[0]):
        return values[0]
    return new()


def digest(texts: Iterable[str]) -> str:
    """Return the digest of the texts of a query, the empty string where there is none."""
    found = tuple(texts)
    if not found:
        return ""
    whole = "\0".join(found).encode("utf-8", "surrogatepass")
    return hashlib.sha256(whole).hexdigest()[:_DIGEST_CHARACTERS]
