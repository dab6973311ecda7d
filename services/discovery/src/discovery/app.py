"""Build discovery from its configuration, and run it until it is told to stop."""

import asyncio
import time

import aiohttp

from discovery import config, debug, probe
from discovery.estate import Estate
from discovery.folder import Folders
from discovery.metrics import Metrics
from discovery.observation import Observation
from discovery.prober import Prober
from discovery.target import Target
from tenantry_common import (
    bus,
    contracts,
    errors,
    leases,
    publication,
    runtime,
    streams,
    subjects,
    tasks,
)


async def main(settings: config.Config, process: runtime.Runtime) -> None:
    """Run the service; return after `process.stopping`."""
    if not settings.discovery.file_sd.folders:
        raise errors.ConfigError("$.discovery.file_sd.folders: no source of backends is configured")
    await tasks.until(process.stopping, _connected(settings, process))


async def _connected(settings: config.Config, process: runtime.Runtime) -> None:
    process.readiness.set("sources", False, "not read yet")
    async with process.connect() as connection, probe.session() as client:
        await streams.ensure(connection, settings.nats)
        await Discovery(settings, process, connection, client).run()


class Discovery:
    """The parts of one running instance, and who tells whom."""

    def __init__(
        self,
        settings: config.Config,
        process: runtime.Runtime,
        connection: bus.Bus,
        client: aiohttp.ClientSession,
    ) -> None:
        self._settings = settings
        self._readiness = process.readiness
        self._client = client
        self._metrics = Metrics(process.registry)
        self._lease = leases.Lease(
            connection, subjects.leader_lease(process.service), process.instance
        )
        self._folders = Folders(settings.discovery.file_sd, self._on_source)
        self._estate = Estate(self._folders, settings.replica_labels)
        self._prober = Prober(self._probe, settings.probe_interval_seconds, self._on_observation)
        self._publication = publication.Publication(
            connection,
            subjects.BACKENDS,
            self._lease,
            on_write=lambda what: self._metrics.writes.labels(what).inc(),
        )
        process.pages.add_json("/debug/targets", self._page)

    async def run(self) -> None:
        """Discover and publish, for ever."""
        async with asyncio.TaskGroup() as group:
            tasks.spawn(group, "publish", self._publication.run())
            # What was published before is what this instance knows of backends that are silent.
            await self._publication.view.newer(0)
            self._estate.remember(_decoded(self._publication))
            tasks.spawn(group, "lead", self._lead())
            tasks.spawn(group, "folders", self._folders.run())
            tasks.spawn(group, "probe", self._prober.run())

    async def _lead(self) -> None:
        await publication.lead(self._lease, [self._publication], self._metrics.leader.set)

    async def _probe(self, target: Target) -> Observation:
        started = time.monotonic()
        observation = await probe.probe(self._client, target, self._settings.probe_timeout_seconds)
        self._metrics.probe_seconds.observe(time.monotonic() - started)
        self._metrics.probes.labels("not_ready" if observation.ready else "ready").inc()
        return observation

    def _on_source(self) -> None:
        if not self._folders.read_once:
            return
        unreadable = self._folders.unreadable
        self._readiness.set("sources", not unreadable, "; ".join(unreadable))
        self._prober.track(self._estate.list_targets())
        self._on_observation()

    def _on_observation(self) -> None:
        backends = self._estate.refresh(self._prober.observations)
        self._metrics.show(backends.values(), self._folders.files.values())
        self._publication.offer(
            {subjects.token(id_): contracts.encode(b) for id_, b in backends.items()},
            only_add=not self._folders.complete,
        )

    def _page(self) -> object:
        return debug.page(
            leading=self._lease.held,
            files=self._folders.files,
            warnings=self._estate.warnings,
            targets=self._estate.targets,
            backends=self._estate.backends,
        )


def _decoded(source: publication.Publication) -> dict[str, contracts.Backend]:
    """Return the published backends by id, without those that this version cannot read."""
    found = {}
    for value in source.view.raw.values():
        try:
            backend = contracts.decode_backend(value)
        except (errors.Undecodable, errors.NewerSchema):
            continue
        found[backend.id] = backend
    return found
