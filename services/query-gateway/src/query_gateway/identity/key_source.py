"""The keys of one issuer: where they come from, and how they are kept up to date.

They are fetched every `refresh_seconds`, so that a withdrawn key is soon believed no more, and when
a token names a key that is not known, but not more often than every `unknown_key_seconds`: anybody
can send tokens. While they cannot be fetched the last ones are used, for `stale_seconds`.
"""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import jwt
import msgspec

from query_gateway.failures import Failure
from query_gateway.identity import jwk_set
from query_gateway.identity.jwk_set import KeySet, NotAKeySet
from query_gateway.identity.settings import Issuer
from query_gateway.metrics import Metrics
from tenantry_common import files, logs, tasks

_log = logging.getLogger(__name__)

_MAX_BYTES = 1 << 20
_FETCH_SECONDS = 5.0
_REREAD_SECONDS = 30.0
_DISCOVERY = "/.well-known/openid-configuration"

type Fetch = Callable[[], Awaitable[bytes]]
"""Return the key set's document. Raises `Unavailable`."""


class Unavailable(Exception):
    """The keys cannot be fetched now. Go on with the last ones, try again later."""


class KeySource:
    """The keys of one issuer."""

    def __init__(
        self,
        settings: Issuer,
        fetch: Fetch,
        metrics: Metrics,
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._fetch = fetch
        self._metrics = metrics
        self._now = now
        self._keys: KeySet | None = None
        self._read_at = -math.inf
        self._tried_at = -math.inf
        self._turn = asyncio.Lock()
        self._throttle = logs.Throttle(60)
        self.version = 0
        """Grows whenever the keys change. What an older version has verified counts no more."""

    async def run(self) -> None:
        """Keep the keys up to date, for ever."""
        changed = asyncio.Event()

        async def step() -> None:
            await self.refresh()
            await _first_of(changed, self._settings.refresh_seconds)

        async with asyncio.TaskGroup() as group:
            if self._settings.jwks_file:
                path = Path(self._settings.jwks_file)
                follow = files.follow([path], _REREAD_SECONDS, lambda _: changed.set())
                tasks.spawn(group, f"follow {path}", follow)
            # A document that nobody has thought of must not end the service.
            await tasks.forever(f"keys of {self._settings.issuer}", step)

    async def find(self, id: object, algorithm: str) -> jwt.PyJWK:
        """Return the key that a token names. Raises `Failure`."""
        key = self._keys.find(id, algorithm) if self._keys else None
        if key is None:
            await self._refresh_again()
            key = self._keys.find(id, algorithm) if self._keys else None
        if self._keys is None or self._now() - self._read_at > self._settings.stale_seconds:
            raise Failure("identity", "the keys that verify tokens cannot be read now")
        if key is None:
            raise Failure("unauthenticated", "the token is not valid: its key is not known")
        return key

    async def refresh(self) -> None:
        """Fetch the keys now. Keeps the last ones when that fails."""
        async with self._turn:
            await self._refresh()

    async def _refresh_again(self) -> None:
        """Fetch the keys, unless that was done a moment ago."""
        async with self._turn:
            if self._now() - self._tried_at >= self._settings.unknown_key_seconds:
                await self._refresh()

    async def _refresh(self) -> None:
        self._tried_at = self._now()
        try:
            found = jwk_set.parse(await self._fetch())
        except (Unavailable, NotAKeySet) as error:
            self._metrics.identity_reads.labels("keys", "failed").inc()
            if self._throttle.allow("failed"):
                _log.warning(
                    "keys of an issuer not read",
                    extra={"issuer": self._settings.issuer, "error": str(error)},
                )
            return
        self._metrics.identity_reads.labels("keys", "read").inc()
        self._read_at = self._now()
        if self._keys is None or found.digest != self._keys.digest:
            self.version += 1
            _log.info(
                "keys of an issuer read",
                extra={"issuer": self._settings.issuer, "keys": len(found.keys)},
            )
        self._keys = found


async def _first_of(event: asyncio.Event, seconds: float) -> None:
    """Wait for `event` and clear it, at most for so long."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
    event.clear()


class _Discovered(msgspec.Struct, frozen=True):
    """What we need of an OpenID provider's metadata (OpenID Connect Discovery 1.0, section 3)."""

    issuer: str
    jwks_uri: str


def fetch_of(settings: Issuer, session: aiohttp.ClientSession) -> Fetch:
    """Return how the keys of this issuer are fetched."""
    if settings.jwks_file:
        return lambda: _file(Path(settings.jwks_file))
    if settings.jwks_url:
        return lambda: _get(session, settings.jwks_url)
    return lambda: _discover(session, settings.issuer)


async def _file(path: Path) -> bytes:
    (found,) = files.read([path]).values()
    if not isinstance(found, bytes):
        raise Unavailable(f"{path}: {found.reason}")
    return found


async def _discover(session: aiohttp.ClientSession, issuer: str) -> bytes:
    document = await _get(session, issuer.rstrip("/") + _DISCOVERY)
    try:
        found = msgspec.json.decode(document, type=_Discovered)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unavailable(f"discovery: {error}") from error
    if found.issuer != issuer:
        raise Unavailable("discovery: the document is another issuer's")
    if issuer.startswith("https://") and not found.jwks_uri.startswith("https://"):
        raise Unavailable("discovery: the keys would be fetched unencrypted")
    return await _get(session, found.jwks_uri)


async def _get(session: aiohttp.ClientSession, url: str) -> bytes:
    try:
        async with (
            asyncio.timeout(_FETCH_SECONDS),
            session.get(url, allow_redirects=False) as response,
        ):
            if response.status != 200:
                raise Unavailable(f"{url}: status {response.status}")
            body = bytearray()
            while len(body) <= _MAX_BYTES and (chunk := await response.content.readany()):
                body += chunk
    except (aiohttp.ClientError, OSError, ValueError) as error:  # a TimeoutError is an OSError
        raise Unavailable(f"{url}: {error!r}") from error
    if len(body) > _MAX_BYTES:
        raise Unavailable(f"{url}: longer than {_MAX_BYTES} bytes")
    return bytes(body)
