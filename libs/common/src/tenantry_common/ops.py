"""The internal port of every service: /metrics, /healthz, /readyz and /debug pages.

Never reachable for tenants. `/healthz` says that the event loop turns; `/readyz` is 200 when every
condition that the service named is met, and otherwise 503 with what it waits for.
"""

import asyncio
import errno
import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import CollectorRegistry
from prometheus_client.aiohttp import make_aiohttp_handler

from tenantry_common import errors

_log = logging.getLogger(__name__)

BACKLOG = 1024
"""Connections that wait to be accepted: what comes beyond waits for a second before it tries again."""


class Readiness:
    """Named conditions; a service is ready when all of them are met."""

    def __init__(self) -> None:
        self._waiting: dict[str, str] = {}

    def set(self, name: str, met: bool, reason: str = "") -> None:
        """Record whether condition `name` is met, and if not, why."""
        if met:
            self._waiting.pop(name, None)
        else:
            self._waiting[name] = reason or "not yet"

    @property
    def waiting(self) -> Mapping[str, str]:
        """The conditions that are not met, with their reasons."""
        return self._waiting


class Pages:
    """The application behind the ops port; services add JSON pages to it, also while it listens."""

    def __init__(self, registry: CollectorRegistry, readiness: Readiness) -> None:
        self.app = web.Application()
        self._readiness = readiness
        self._pages: dict[str, Handler] = {
            "/metrics": make_aiohttp_handler(registry),
            "/healthz": self._healthz,
            "/readyz": self._readyz,
        }
        # aiohttp freezes its router when it begins to listen, which is before the service starts.
        self.app.router.add_get("/{page:.*}", self._page)

    def add_json(self, path: str, page: Callable[[], object]) -> None:
        """Serve what `page()` returns at `path`, as indented JSON."""

        async def answer(_: web.Request) -> web.Response:
            body = msgspec.json.format(msgspec.json.encode(page()), indent=2)
            return web.Response(body=body, content_type="application/json")

        self.add(path, answer)

    def add(self, path: str, page: Handler) -> None:
        """Serve `page` at `path`, instead of what was there."""
        self._pages[path] = page

    async def _page(self, request: web.Request) -> web.StreamResponse:
        page = self._pages.get(f"/{request.match_info['page']}")
        if page is None:
            raise web.HTTPNotFound
        return await page(request)

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _readyz(self, _: web.Request) -> web.Response:
        waiting = self._readiness.waiting
        if not waiting:
            return web.Response(text="ready\n")
        lines = "".join(f"{name}: {reason}\n" for name, reason in sorted(waiting.items()))
        return web.Response(status=503, text=lines)


@dataclass(frozen=True, kw_only=True)
class Hardening:
    """What a server bears from its clients; the defaults are aiohttp's, but for the idle time."""

    keepalive_timeout: float = 75.0
    """Seconds for which an idle connection is kept."""
    max_line_size: int = 8190
    """Longest request line, the URL with its query included, in bytes."""
    max_field_size: int = 8190
    """Longest header, in bytes."""
    handler_cancellation: bool = False
    """Cancel a request's handler when its client goes away."""
    shutdown_timeout: float = 60.0
    """Seconds for which running requests are waited for when the server is closed."""
    lingering_time: float = 10.0
    """Seconds for which the rest of a body is read that nobody wants any more."""
    auto_decompress: bool = True
    """Whether bodies are decompressed while they are read, within no limits."""
    connections: int = 0
    """Connections that there may be; further ones are closed at once. 0: any number."""


class Runner(web.AppRunner):
    """What serves an application within its limits."""

    def __init__(self, app: web.Application, hardening: Hardening) -> None:
        arguments = asdict(hardening)
        self._most = arguments.pop("connections")
        super().__init__(app, access_log=None, **arguments)

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        if not self._most:
            return server
        made = server.connection_made

        def connection_made(handler: web.RequestHandler, transport: asyncio.Transport) -> None:
            made(handler, transport)
            if len(server.connections) > self._most:
                transport.abort()

        server.connection_made = connection_made  # type: ignore[method-assign]  # its only hook
        return server


type MakeRunner = Callable[[web.Application, Hardening], web.AppRunner]
"""Makes what serves an application; `Runner`, or a kind of it."""


async def listen(
    app: web.Application,
    host: str,
    port: int,
    *,
    setting: str,
    hardening: Hardening = Hardening(),
    reuse_port: bool = False,
    make: MakeRunner = Runner,
) -> tuple[web.AppRunner, int]:
    """Serve `app`; return the runner to clean up and the port that was taken.

    With `reuse_port`, other processes may listen there too. Raises `errors.ConfigError` naming the port and `setting` (``$.ops.port``) when it is taken.
    """
    runner = make(app, hardening)
    await runner.setup()
    site = web.TCPSite(runner, host, port, backlog=BACKLOG, reuse_port=reuse_port or None)
    try:
        await site.start()
    except OSError as error:
        await runner.cleanup()
        taken = error.errno == errno.EADDRINUSE
        why = "is taken by another process" if taken else error.strerror or str(error)
        raise errors.ConfigError(f"{setting}: {host}:{port} {why}") from error
    actual = int(runner.addresses[0][1])
    _log.info("listening", extra={"host": host, "port": actual, "setting": setting})
    return runner, actual


async def listen_unix(app: web.Application, path: str) -> web.AppRunner:
    """Serve `app` at a Unix socket; return the runner to clean up.

    Raises `errors.ConfigError` naming the path when that cannot be.
    """
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.UnixSite(runner, path).start()
    except OSError as error:
        await runner.cleanup()
        raise errors.ConfigError(f"$.ops.socket: {path}: {error}") from error
    return runner
