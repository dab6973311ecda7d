"""Serve an application over TLS, and go over to new certificates without losing a connection.

Every reload makes a new `ssl.SSLContext` on the same listening socket, never a change of the old
one: a half-written pair of files changes nothing, and no session of the old context is resumed.
"""

import asyncio
import contextlib
import errno
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from aiohttp import web

from tenantry_common import config, errors, files, ops, tasks

_log = logging.getLogger(__name__)

_REREAD_SECONDS = 30.0


def context(settings: config.Tls) -> ssl.SSLContext:
    """Return the server's side of TLS. Raises `errors.ConfigError` naming the file."""
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.minimum_version = (
        ssl.TLSVersion.TLSv1_3 if settings.minimum == "1.3" else ssl.TLSVersion.TLSv1_2
    )
    made.set_alpn_protocols(["http/1.1"])
    try:
        made.load_cert_chain(settings.cert_file, settings.key_file, password="")
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise errors.ConfigError(
            f"certificate {settings.cert_file} and key {settings.key_file}: {error}"
        ) from error
    if settings.client_ca_file:
        try:
            made.load_verify_locations(cafile=settings.client_ca_file)
        except (OSError, ValueError) as error:
            raise errors.ConfigError(f"client CA {settings.client_ca_file}: {error}") from error
        required = settings.client_certificate == "required"
        made.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
    return made


class Listener:
    """One port that is served over TLS."""

    def __init__(
        self,
        app: web.Application,
        settings: config.Tls,
        hardening: ops.Hardening,
        *,
        make: ops.MakeRunner = ops.Runner,
    ) -> None:
        self._settings = settings
        self._runner = make(app, hardening)
        self._drain_seconds = hardening.shutdown_timeout
        self._socket: socket.socket | None = None
        self._site: web.SockSite | None = None
        self._client_ca: object = None

    async def start(self, host: str, port: int, *, setting: str, reuse_port: bool = False) -> int:
        """Begin to listen; return the port that was taken.

        With `reuse_port`, other processes may listen there too. Raises `errors.ConfigError`: a file cannot be used, or the port is taken.
        """
        self._client_ca = self._read_client_ca()
        made = context(self._settings)
        await self._runner.setup()
        try:
            self._socket = await _bound(host, port, reuse_port)
        except OSError as error:
            await self._runner.cleanup()
            taken = error.errno == errno.EADDRINUSE
            why = "is taken by another process" if taken else error.strerror or str(error)
            raise errors.ConfigError(f"{setting}: {host}:{port} {why}") from error
        await self._serve(made)
        actual = int(self._socket.getsockname()[1])
        _log.info("listening with TLS", extra={"host": host, "port": actual, "setting": setting})
        return actual

    async def run(self) -> None:
        """Go over to the files' new content whenever they change, for ever."""
        changed = asyncio.Event()
        chosen = [
            Path(path)
            for path in (
                self._settings.cert_file,
                self._settings.key_file,
                self._settings.client_ca_file,
            )
            if path
        ]
        async with asyncio.TaskGroup() as group:
            group.create_task(
                files.follow(chosen, _REREAD_SECONDS, lambda _: changed.set()),
                name="follow certificates",
            )
            while True:
                await changed.wait()
                changed.clear()
                await self._reload(group)

    async def close(self) -> None:
        """Stop listening; connections that are there go on."""
        if self._socket is not None:
            self._socket.close()  # first: as long as it is open, clients connect and wait for ever
        await _close_sites(self._runner)

    async def stop(self) -> None:
        """Stop listening, and wait until running requests are answered or the time is over."""
        await self.close()
        await self._runner.cleanup()

    async def _reload(self, group: asyncio.TaskGroup) -> None:
        # Read before the context is made: what changes in between is then seen as a change.
        client_ca = self._read_client_ca()
        try:
            made = context(self._settings)
        except errors.ConfigError as error:
            _log.error("new certificates are not used", extra={"error": str(error)})
            return
        before = self._site
        await self._serve(made)
        if before is not None:
            await before.stop()
        if client_ca != self._client_ca:
            self._client_ca = client_ca
            # Who was let in by the old CA must come in again; running requests are finished.
            for connection in self._runner.server.connections if self._runner.server else ():
                connection.close()
                tasks.spawn(group, "end connection", connection.shutdown(self._drain_seconds))
        _log.info("certificates read")

    async def _serve(self, made: ssl.SSLContext) -> None:
        if self._socket is None:
            raise RuntimeError("not started")
        # A duplicate of the listening socket: closing one leaves the queue of connections alone.
        self._site = web.SockSite(
            self._runner, self._socket.dup(), ssl_context=made, backlog=ops.BACKLOG
        )
        await self._site.start()

    def _read_client_ca(self) -> object:
        path = self._settings.client_ca_file
        return files.read([Path(path)]) if path else None


@contextlib.asynccontextmanager
async def serving(
    app: web.Application,
    host: str,
    port: int,
    settings: config.Tls,
    hardening: ops.Hardening,
    *,
    setting: str,
    reuse_port: bool = False,
    make: ops.MakeRunner = ops.Runner,
) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Listen, with TLS or without; at the end wait until running requests are answered.

    Those whose bodies are still to come are not, because aiohttp reads nothing more then: whoever
    wants them calls what is yielded, which ends the listening only, and waits for them. Raises `errors.ConfigError` as `Listener.start` and `ops.listen` do.
    """
    if not settings:
        runner, _ = await ops.listen(
            app,
            host,
            port,
            setting=setting,
            hardening=hardening,
            reuse_port=reuse_port,
            make=make,
        )
        try:
            yield lambda: _close_sites(runner)
        finally:
            await runner.cleanup()
        return
    listener = Listener(app, settings, hardening, make=make)
    await listener.start(host, port, setting=setting, reuse_port=reuse_port)
    async with asyncio.TaskGroup() as group:
        reload = tasks.spawn(group, "follow certificates", listener.run())
        try:
            yield listener.close
        finally:
            await tasks.cancel(reload)
            await listener.stop()


async def _close_sites(runner: web.AppRunner) -> None:
    for site in list(runner.sites):
        await site.stop()


async def _bound(host: str, port: int, reuse_port: bool) -> socket.socket:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _, _, _, address = found[0]
    return socket.create_server(
        (str(address[0]), int(address[1])),
        family=family,
        backlog=ops.BACKLOG,
        reuse_port=reuse_port,
    )
