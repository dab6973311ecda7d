"""A store in Redis or Valkey. When it is away, slow, full or wrong, it costs speed, and little of that.

Reads wait for `timeout_seconds` at most; after a failure none is tried for a while. Writes wait in a
queue of bounded size and are nobody's delay.
"""

import asyncio
import contextlib
import logging
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import redis.asyncio as client
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.credentials import CredentialProvider

from query_gateway.breaker import Breaker
from query_gateway.cache.sealed import Seal
from query_gateway.config import Cache, Redis
from tenantry_common import errors, logs, tasks

_log = logging.getLogger(__name__)

_CONNECTIONS = 8
_QUEUE_BYTES = 32 * 1024 * 1024
_BATCH, _BATCH_BYTES = 64, 1024 * 1024
"""What is written at once: more would keep the event loop busy, and Redis from answering in time."""
_WRITE_SECONDS = 2.0
_PAUSE, _LONGEST_PAUSE = 0.5, 30.0

type Count = Callable[[str, str, int], None]
"""Told the operation (`get`, `put`), what became of it, and of how many records."""


class RedisStore:
    """One Redis."""

    def __init__(
        self,
        connections: "client.Redis",
        seal: Seal,
        settings: Redis,
        *,
        keep_ms: int,
        count: Count,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Use `connections`; records expire after `keep_ms`."""
        self._client = connections
        self._seal = seal
        self._settings = settings
        self._keep = keep_ms
        self._count = count
        self._clock = clock
        self._breaker = Breaker(failures=1, seconds=_PAUSE, most_seconds=_LONGEST_PAUSE)
        self._throttle = logs.Throttle(30)
        self._waiting: OrderedDict[str, bytes] = OrderedDict()
        self._waiting_bytes = 0
        self._is_waiting = asyncio.Event()

    async def get(self, names: Sequence[str]) -> list[bytes | None]:
        """Return what is kept under each name, if that is told in time."""
        keys = [self._key(name) for name in names]
        found = await self._asked(
            "get", len(names), self._settings.timeout_seconds, lambda: self._client.mget(keys)
        )
        if not isinstance(found, list) or len(found) != len(names):
            return [None] * len(names)
        return [self._opened(name, value) for name, value in zip(names, found, strict=True)]

    def _opened(self, name: str, value: object) -> bytes | None:
        if value is None:
            self._count("get", "absent", 1)
            return None
        record = self._seal.open(name, value) if isinstance(value, bytes) else None
        self._count("get", "refused" if record is None else "found", 1)
        return record

    def put(self, records: Mapping[str, bytes]) -> None:
        """Keep records soon, unless they are too large or too many wait."""
        for name, record in records.items():
            self._take(name)
            if len(record) > self._settings.entry_bytes:
                self._count("put", "too large", 1)
                continue
            self._waiting[name] = record
            self._waiting_bytes += len(record)
        while self._waiting_bytes > _QUEUE_BYTES:
            self._take(next(iter(self._waiting)))
            self._count("put", "dropped", 1)
        if self._waiting:
            self._is_waiting.set()

    async def run(self) -> None:
        """Connect, and write what waits, for ever."""
        await self._asked("put", 0, _WRITE_SECONDS, self._client.ping)
        while True:
            await self._is_waiting.wait()
            self._is_waiting.clear()
            while self._waiting:
                await self._write()

    async def _write(self) -> None:
        """Write the records that wait longest. Those that cannot be written are lost."""
        batch: dict[str, bytes] = {}
        size = 0
        while self._waiting and len(batch) < _BATCH and size < _BATCH_BYTES:
            name = next(iter(self._waiting))
            batch[name] = self._take(name)
            size += len(batch[name])

        async def write() -> None:
            pipeline = self._client.pipeline(transaction=False)
            for name, record in batch.items():
                pipeline.set(self._key(name), self._seal.close(name, record), px=self._keep)
            await pipeline.execute()

        await self._asked("put", len(batch), _WRITE_SECONDS, write)

    async def _asked[T](
        self, operation: str, records: int, seconds: float, ask: Callable[[], Awaitable[T]]
    ) -> T | None:
        """Return what Redis answers within `seconds`; None when it does not, or failed just before."""
        if not self._breaker.take(operation, self._clock()):
            self._count(operation, "paused", records)
            return None
        try:
            async with asyncio.timeout(seconds):
                found = await ask()
        except Exception as error:  # whatever the client makes of what is at the other end
            self._breaker.failed(operation, self._clock())
            self._count(operation, "failed", records)
            if self._throttle.allow(operation):
                text = f"{type(error).__name__}: {error}"
                _log.warning("shared cache failed", extra={"operation": operation, "error": text})
            return None
        self._breaker.succeeded(operation)
        if operation == "put":
            self._count("put", "stored", records)
        return found

    def _take(self, name: str) -> bytes:
        record = self._waiting.pop(name, b"")
        self._waiting_bytes -= len(record)
        return record

    def _key(self, name: str) -> str:
        return self._settings.prefix + self._seal.name(name)


class _Password(CredentialProvider):
    """Reads the password anew for each connection, so that it can be changed."""

    def __init__(self, username: str, file: str) -> None:
        self._username = username
        self._file = file

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        """Return what AUTH takes."""
        password = Path(self._file).read_text().strip()
        return (self._username, password) if self._username else (password,)

    async def get_credentials_async(self) -> tuple[str] | tuple[str, str]:
        """Return what AUTH takes."""
        return self.get_credentials()


@contextlib.asynccontextmanager
async def opened(cache: Cache, count: Count) -> AsyncIterator[RedisStore | None]:
    """Yield the store as configured, None where there is none; it writes while the context lasts.

    Raises ConfigError.
    """
    settings = cache.redis
    if not settings.url:
        yield None
        return
    try:
        seal = Seal(Path(settings.key_file).read_bytes().strip())
    except (OSError, ValueError) as error:
        raise errors.ConfigError(f"$.cache.redis.key_file: {error}") from error
    pool = client.BlockingConnectionPool.from_url(settings.url, **_options(settings))
    async with (
        client.Redis.from_pool(pool) as connections,
        asyncio.TaskGroup() as group,
    ):
        keep = round(cache.keep_seconds * 1000)
        store = RedisStore(connections, seal, settings, keep_ms=keep, count=count)
        writing = tasks.spawn(group, "write to the shared cache", store.run())
        try:
            yield store
        finally:
            await tasks.cancel(writing)


def _options(settings: Redis) -> dict[str, Any]:
    options: dict[str, Any] = {
        "max_connections": _CONNECTIONS,
        "protocol": 2,  # everything that speaks Redis' protocol knows it
        "retry": Retry(NoBackoff(), 0),  # the backend is asked instead
        "socket_timeout": _WRITE_SECONDS,
        "socket_connect_timeout": _WRITE_SECONDS,
        "timeout": None,  # of waiting for a connection; ours is shorter
    }
    if settings.password_file:
        options["credential_provider"] = _Password(settings.username, settings.password_file)
    if settings.url.startswith("rediss:"):
        options |= {
            "ssl_ca_certs": settings.tls_ca_file or None,
            "ssl_certfile": settings.tls_cert_file or None,
            "ssl_keyfile": settings.tls_key_file or None,
        }
    return options
