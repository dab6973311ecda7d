"""The connection to NATS: opened with patience, kept open, its state told to readiness.

`Bus` is what the other modules take: `bus.js` for JetStream, `bus.connected` and `bus.epoch` for
those who must read again after a reconnect. Foreign exceptions become `errors.BusUnavailable`
or `errors.Fenced` in `translated`.
"""

import asyncio
import contextlib
import logging
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path

import nats
import nats.errors
import nats.js.errors
from nats.aio.client import Client
from nats.js import JetStreamContext

from tenantry_common import backoff, config, errors, logs, subjects

_log = logging.getLogger(__name__)

_WRONG_LAST_SEQUENCE = 10071  # JSStreamWrongLastSequenceErrF of nats-server
_WRONG_LAST_SEQUENCE_CONSTANT = 10164  # the same, when the server knows no sequence to name
_CONNECT_SECONDS = 2
_REQUEST_SECONDS = 5.0
_SAY_AGAIN_SECONDS = 30.0


class Bus:
    """One NATS connection that survives the loss of its servers."""

    def __init__(
        self, client: Client, servers: Sequence[str], on_state: Callable[[bool, str], None]
    ) -> None:
        self.client = client
        self.js: JetStreamContext = client.jetstream(timeout=_REQUEST_SECONDS)
        self.epoch = 0
        """Grows by one with every reconnect: what was watched must be read again."""
        self.last_contact = time.monotonic()
        """Monotonic seconds at which the connection was last known to be up."""
        self.followers: set[Callable[[], None]] = set()
        """Called after every reconnect."""
        self.closing = False
        self._servers = servers
        self._on_state = on_state
        self._throttle = logs.Throttle(_SAY_AGAIN_SECONDS)

    @property
    def connected(self) -> bool:
        """Whether the connection is up right now."""
        return bool(self.client.is_connected)

    def seconds_without_contact(self) -> float:
        """Return for how long the connection has been down, 0 while it is up."""
        if self.connected:
            self.last_contact = time.monotonic()
        return time.monotonic() - self.last_contact

    def failed(self, error: Exception) -> None:
        """Note what went wrong, a failed attempt to connect among it (called by the client)."""
        text = str(error) or repr(error)
        if self.connected or self.closing:
            _log.debug("nats client error", extra={"error": text})
        elif self._throttle.allow(text):
            _log.warning(
                "nats is not reachable, waiting for it",
                extra={"servers": list(self._servers), "error": text},
            )

    async def lost(self) -> None:
        """Note that the connection is gone (called by the client)."""
        if self.closing:
            return
        self.last_contact = time.monotonic()
        _log.warning("nats connection lost, reconnecting")
        self._on_state(False, "connection to NATS lost")

    async def back(self) -> None:
        """Note that the connection is up again (called by the client)."""
        self.epoch += 1
        _log.info("nats connection is back", extra={"server": _server(self.client)})
        self._on_state(True, "")
        for follower in tuple(self.followers):
            follower()


def _server(client: Client) -> str:
    return client.connected_url.netloc if client.connected_url else ""


@contextlib.asynccontextmanager
async def connect(
    settings: config.Nats,
    name: str,
    on_state: Callable[[bool, str], None] = lambda up, reason: None,
) -> AsyncIterator[Bus]:
    """Yield a connected `Bus`; wait for NATS as long as it takes, and say so.

    `name` is shown by NATS' monitoring (`/connz`). `on_state(up, reason)` is called on every
    change. On exit what was published is flushed and the connection is closed.
    """
    client = Client()
    bus = Bus(client, settings.servers, on_state)
    delays = backoff.delays(0.2, 5.0)
    on_state(False, "waiting for NATS")
    while True:
        try:
            await _open(client, bus, settings, name)
            break
        except (OSError, nats.errors.Error, TimeoutError) as error:
            bus.failed(error)
            await asyncio.sleep(next(delays))
    _log.info("nats connected", extra={"server": _server(client)})
    on_state(True, "")
    try:
        yield bus
    finally:
        bus.closing = True
        await _close(client)


async def _close(client: Client) -> None:
    """Send what is buffered and close. (Not `drain`: it waits for pull replies nobody reads.)"""
    with contextlib.suppress(nats.errors.Error, OSError, TimeoutError):
        if client.is_connected:
            await client.flush(timeout=2)
    # With the connection lost, nats-py writes what is left to a closed transport, which asyncio
    # of Python 3.12 answers with a TypeError.
    with contextlib.suppress(nats.errors.Error, OSError, TimeoutError, TypeError):
        await asyncio.wait_for(client.close(), 5)


async def _open(client: Client, bus: Bus, settings: config.Nats, name: str) -> None:
    # The client tries for ever on its own and tells of each failure only here.
    async def on_error(error: Exception) -> None:
        bus.failed(error)

    await client.connect(
        servers=list(settings.servers),
        name=name,
        connect_timeout=_CONNECT_SECONDS,
        max_reconnect_attempts=-1,
        reconnect_time_wait=1,
        ping_interval=10,
        error_cb=on_error,
        disconnected_cb=bus.lost,
        reconnected_cb=bus.back,
        user=settings.username or None,
        password=_password(settings),
        user_credentials=settings.credentials_file or None,
        tls=_tls(settings),
        inbox_prefix=subjects.inbox_prefix(settings.username),
    )


def _password(settings: config.Nats) -> str | None:
    if not settings.password_file:
        return None
    return _read_text(settings.password_file, "$.nats.password_file").strip()


def _read_text(path: str, setting: str) -> str:
    try:
        return Path(path).read_text()
    except OSError as error:
        raise errors.ConfigError(f"{setting}: {path}: {error.strerror}") from error


def _tls(settings: config.Nats) -> ssl.SSLContext | None:
    if not settings.tls_ca_file:
        return None
    try:
        context = ssl.create_default_context(cafile=settings.tls_ca_file)
        if settings.tls_cert_file:
            context.load_cert_chain(settings.tls_cert_file, settings.tls_key_file or None)
    except OSError as error:
        raise errors.ConfigError(f"$.nats.tls_ca_file: {error}") from error
    return context


@contextlib.contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn the client's exceptions into ours; `what` says what was being done."""
    try:
        yield
    except nats.js.errors.APIError as error:
        if error.err_code in (_WRONG_LAST_SEQUENCE, _WRONG_LAST_SEQUENCE_CONSTANT):
            raise errors.Fenced(f"{what}: {error.description}") from error
        raise errors.BusUnavailable(f"{what}: {error.description or error}") from error
    except (nats.errors.Error, OSError, TimeoutError) as error:
        raise errors.BusUnavailable(f"{what}: {error or type(error).__name__}") from error
