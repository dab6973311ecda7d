"""Composition root of the receiver: builds the clients, wires the parts, owns the tasks."""

import asyncio
import contextlib
import gc
import logging
import ssl
from collections.abc import AsyncIterator

import aiohttp
from aiohttp import web

from receiver import writable
from receiver.config import Config
from receiver.federate.service import Federation
from receiver.front import Front
from receiver.handlers import Endpoints
from receiver.identity.modes import Identity
from receiver.metrics import Metrics
from receiver.policies import Policies
from receiver.revocations import Revocations
from receiver.slots import Slots
from receiver.store import Store
from tenantry_common import (
    bus,
    cluster_secrets,
    contracts,
    credentials,
    errors,
    kv,
    ops,
    runtime,
    streams,
    subjects,
    tasks,
    tls,
)

_log = logging.getLogger(__name__)

_HEADER_BYTES = 16 * 1024


async def main(settings: Config, process: runtime.Runtime) -> None:
    """Take pushes until `process.stopping` is set, then finish those that are under way."""
    # It logs what does not parse as HTTP with a traceback; what fails later is logged by `front`.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    for condition in ("jobs", "revocations", "streams"):
        process.readiness.set(condition, False, "not read yet")
    async with (
        cluster_secrets.configured(settings, "receiver") as secrets,
        process.connect() as connection,
        _session(settings) as session,
    ):
        await tasks.until(process.stopping, streams.ensure(connection, settings.nats))
        if not process.stopping.is_set():
            await Receiver(settings, process, connection, session, secrets).run()


class Receiver:
    """The parts of one running instance."""

    def __init__(
        self,
        settings: Config,
        process: runtime.Runtime,
        connection: bus.Bus,
        session: aiohttp.ClientSession,
        secrets: credentials.Source,
    ) -> None:
        self._settings = settings
        self._process = process
        self._bus = connection
        metrics = Metrics(process.registry)
        self._jobs = kv.KvView(connection, subjects.JOBS, contracts.decode_job)
        self._revocations = kv.KvView(connection, subjects.REVOCATIONS, contracts.decode_revocation)
        self._policies = Policies(self._jobs, secrets, on_error=metrics.errors.inc)
        self._identity = Identity(
            settings.auth, session, metrics, Revocations(self._revocations).revoked
        )
        store = Store(connection, settings.limits.store_seconds)
        self._endpoints = Endpoints(
            settings=settings,
            identity=self._identity,
            policies=self._policies,
            store=store,
            slots=Slots(connection, store),
            metrics=metrics,
        )
        self._federation = (
            Federation(
                settings.federate,
                connection,
                process.registry,
                told=lambda result: metrics.identity_reads.labels("scrapers", result).inc(),
                readiness=process.readiness,
            )
            if settings.federate.scrapers_file
            else None
        )
        self._front = Front(metrics)
        metrics.watch(
            jobs=lambda: len(self._policies.known),
            broken=lambda: len(self._policies.broken),
            remembered=lambda: len(self._endpoints.memory),
            pushes=lambda: self._endpoints.pushes,
        )
        process.pages.add_json("/debug/push", self._page)

    def application(self) -> web.Application:
        """Return what is served on the port that clusters push to."""
        app = web.Application()
        self._front.install(app)
        self._endpoints.install(app, self._settings.listen.base)
        return app

    async def run(self) -> None:
        """Serve until the process is to stop; then drain."""
        process, federate = self._process, self._federation
        async with asyncio.TaskGroup() as group:
            background = [
                tasks.spawn(group, "jobs", self._policies.run()),
                tasks.spawn(group, "revocations", self._revocations.run()),
                tasks.spawn(group, "readiness", self._tell_ready()),
                tasks.spawn(group, "streams", writable.watch(self._bus, process.readiness)),
                *(tasks.spawn(group, n, run()) for n, run in self._identity.background.items()),
                *([tasks.spawn(group, "federate", federate.run())] if federate else []),
            ]
            # What is here now stays: the collector need not look at it again and again.
            gc.collect()
            gc.freeze()
            listen = self._settings.listen
            async with tls.serving(
                self.application(),
                listen.host,
                listen.port,
                listen.tls,
                _hardening(self._settings),
                setting="$.listen.port",
            ) as stop_listening:
                await process.stopping.wait()
                self._front.draining = True
                process.readiness.set("draining", False, "told to stop")
                await asyncio.sleep(listen.drain_delay_seconds)
                await stop_listening()
                await self._front.finished(_drain_seconds(self._settings))
            for task in reversed(background):
                await tasks.cancel(task)

    async def _tell_ready(self) -> None:
        await self._revocations.newer(0)
        self._process.readiness.set("revocations", True)
        while not self._policies.ready:  # noqa: ASYNC110 - it takes a moment, once
            await asyncio.sleep(0.02)
        self._process.readiness.set("jobs", True)

    def _page(self) -> object:
        policies = self._policies
        return {
            "jobs": {str(ref): one.push for ref, one in policies.known.items()},
            "broken": {str(ref): why for ref, why in policies.broken.items()},
            "remembered_series": len(self._endpoints.memory),
            "pushes": self._endpoints.pushes,
        }


@contextlib.asynccontextmanager
async def _session(settings: Config) -> AsyncIterator[aiohttp.ClientSession]:
    """Yield the client that asks the authorisation service."""
    ca_file = settings.auth.upstream.ca_file
    try:
        trust = ssl.create_default_context(cafile=ca_file) if ca_file else True
    except OSError as error:
        raise errors.ConfigError(f"$.auth.upstream.ca_file: {ca_file}: {error}") from error
    connector = aiohttp.TCPConnector(ssl=trust)
    async with aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar()
    ) as session:
        yield session


def _hardening(settings: Config) -> ops.Hardening:
    """Return what the port bears from its clients."""
    listen = settings.listen
    return ops.Hardening(
        keepalive_timeout=listen.idle_seconds,
        max_field_size=_HEADER_BYTES,
        shutdown_timeout=1.0,  # what is worth waiting for is waited for before
        lingering_time=0.0,  # what of a body was not read is not wanted
        auto_decompress=False,  # bodies are decompressed within their limits
        connections=listen.connections,
    )


def _drain_seconds(settings: Config) -> float:
    """Return how long pushes that are under way may take once the process is to stop."""
    return max(0.5, settings.shutdown_grace_seconds - settings.listen.drain_delay_seconds - 2)
