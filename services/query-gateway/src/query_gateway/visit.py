"""One request from its beginning to its end, as audit, metrics and logs see it; pure."""

import functools
import hashlib
import re
import secrets
from collections.abc import Callable, Iterable, Sequence

import msgspec

from query_gateway.identity.principal import Principal

REQUEST_ID_HEADER = "X-Request-Id"

_SANE = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")
_DIGEST_CHARACTERS = 32
_REMEMBERED_CHARACTERS = 2048


class Visit(msgspec.Struct, kw_only=True):
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


class Ids:
    """New ids that nobody can guess; the system is asked for random bytes for many at once."""

    _BYTES = 16
    _AT_ONCE = 256

    def __init__(self, random_bytes: Callable[[int], bytes] = secrets.token_bytes) -> None:
        self._random_bytes = random_bytes
        self._ready: list[str] = []

    def new(self) -> str:
        """Return one that was never returned before."""
        if not self._ready:
            size = self._BYTES
            raw = self._random_bytes(size * self._AT_ONCE)
            self._ready = [raw[at : at + size].hex() for at in range(0, len(raw), size)]
        return self._ready.pop()


def request_id(given: Sequence[str], new: Callable[[], str]) -> str:
    """Return the id that the request has brought along, if that is one, else a `new` one."""
    if len(given) == 1 and _SANE.fullmatch(given[0]):
        return given[0]
    return new()


def digest(texts: Iterable[str]) -> str:
    """Return the digest of the texts of a query, the empty string where there is none."""
    found = tuple(texts)
    if not found:
        return ""
    remembered = sum(map(len, found)) <= _REMEMBERED_CHARACTERS
    return (_digest if remembered else _digest.__wrapped__)(found)


@functools.lru_cache(maxsize=4096)
def _digest(texts: tuple[str, ...]) -> str:
    whole = "\0".join(texts).encode("utf-8", "surrogatepass")
    return hashlib.sha256(whole).hexdigest()[:_DIGEST_CHARACTERS]
