"""The parts of `/federate` in a running instance: the mirror, the keys, the port."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from aiohttp import web
from prometheus_client import CollectorRegistry, Gauge

from receiver.federate.handler import Handler
from receiver.federate.mirror import Mirror
from receiver.federate.scrapers import SECTION, Admission, Scraper
from receiver.federate.settings import Federate
from tenantry_common import bus, files, key_file, ops, tasks, tls

_REREAD_SECONDS = 30.0
_SHUTDOWN_SECONDS = 10.0


class Federation:
    """Serves the newest samples of all clusters to whoever holds a scraper's key."""

    def __init__(
        self,
        settings: Federate,
        connection: bus.Bus,
        registry: CollectorRegistry,
        *,
        told: Callable[[str], None],
        readiness: ops.Readiness,
    ) -> None:
        """`told` hears `read` or `failed` whenever the keys were read."""
        self._settings = settings
        self._keys = key_file.Keys(SECTION, Scraper, told=told)
        self._mirror = Mirror(connection)
        self._readiness = readiness
        readiness.set("latest", False, "not read yet")
        for name, text, value in (
            ("sources", "Clusters on /federate.", lambda: len(self._mirror.newest)),
            # Above 0: a newer receiver writes what this one does not read, or somebody else writes.
            ("refused", "Messages of LATEST that could not be read.", lambda: self._mirror.refused),
        ):
            gauge = Gauge(f"tenantry_receiver_federate_{name}", text, registry=registry)
            gauge.set_function(value)

    async def run(self) -> None:
        """Serve until cancelled. Scrapes that are under way are finished."""
        path = Path(self._settings.scrapers_file)
        async with asyncio.TaskGroup() as group:
            tasks.spawn(group, "latest", self._mirror.run())
            tasks.spawn(group, "scrapers", files.follow([path], _REREAD_SECONDS, self._keys.take))
            tasks.spawn(group, "latest is read", self._tell_ready())
            async with tls.serving(
                self.application(),
                self._settings.host,
                self._settings.port,
                self._settings.tls,
                ops.Hardening(
                    shutdown_timeout=_SHUTDOWN_SECONDS,
                    lingering_time=0.0,
                    connections=self._settings.connections,
                ),
                setting="$.federate.port",
            ):
                await asyncio.Event().wait()

    def application(self) -> web.Application:
        """Return what the port serves."""
        app = web.Application()
        handler = Handler(self._mirror, Admission(self._keys).admit)
        app.router.add_get("/federate", handler.answer)
        return app

    async def _tell_ready(self) -> None:
        await self._mirror.complete()
        self._readiness.set("latest", True)
