"""Build discovery from its configuration, and run it until it is told to stop."""

import asyncio
import contextlib
import logging
import time

import aiohttp

from discovery import config, debug, probe
from discovery.estate import Estate
from discovery.folder import Folders
from discovery.kubernetes.source import Cluster
from discovery.metrics import Metrics
from discovery.observation import Observation
from discovery.prober import Prober
from discovery.target import Target
from tenantry_common import (
    bus,
    contracts,
    errors,
    kubernetes,
    leases,
    publication,
    runtime,
    streams,
    subjects,
    tasks,
)
from tenantry_common.backend_access import Keyring
from tenantry_common.kubernetes_watch import Timing

_log = logging.getLogger(__name__)


async def main(settings: config.Config, process: runtime.Runtime) -> None:
    """Run the service; return after `process.stopping`."""
    sources = settings.discovery
    if not sources.file_sd.folders and not sources.rules:
        raise errors.ConfigError(
            "$.discovery: no source of backends is configured, neither file_sd.folders nor kubernetes"
        )
    if any(not rule.namespaces for rule in sources.rules):
        _log.warning("backends are taken from every namespace: name those of the platform")
    await tasks.until(process.stopping, _connected(settings, process))


async def _connected(settings: config.Config, process: runtime.Runtime) -> None:
    process.readiness.set("sources", False, "not read yet")
    async with contextlib.AsyncExitStack() as stack:
        api = None
        if settings.discovery.rules:
            connected = kubernetes.connect(settings.kubernetes, "tenantry-discovery")
            api = await stack.enter_async_context(connected)
        connection = await stack.enter_async_context(process.connect())
        client = await stack.enter_async_context(probe.session())
        await streams.ensure(connection, settings.nats)
        await Discovery(settings, process, connection, client, api).run()


class Discovery:
    """The parts of one running instance, and who tells whom."""

    def __init__(
        self,
        settings: config.Config,
        process: runtime.Runtime,
        connection: bus.Bus,
        client: aiohttp.ClientSession,
        api: kubernetes.Api | None,
    ) -> None:
        self._readiness = process.readiness
        self._metrics = Metrics(process.registry)
        self._lease = leases.Lease(
            connection,
            subjects.leader_lease(process.service),
            process.instance,
            term=leases.LEADER,
        )
        sources = settings.discovery
        self._folders = Folders(sources.file_sd, self._on_source)
        self._cluster: Cluster | None = None
        if api is not None:
            timing = Timing(relist=sources.refresh_seconds)
            self._cluster = Cluster(api, sources.rules, self._on_source, timing=timing)
        all_sources = (self._folders, self._cluster) if self._cluster else (self._folders,)
        self._estate = Estate(all_sources, settings.replica_labels, settings.cluster)
        self._asking = probe.Probe(
            client, Keyring(settings.backend_access), settings.probe_timeout_seconds
        )
        self._prober = Prober(self._probe, settings.probe_interval_seconds, self._on_observation)
        self._publication = publication.Publication(
            connection,
            subjects.BACKENDS,
            self._lease,
            on_write=lambda what: self._metrics.writes.labels(what).inc(),
        )
        process.pages.add_json("/debug/targets", self._page)
        process.pages.add_json("/health", self._health)

    async def run(self) -> None:
        """Discover and publish, for ever."""
        async with asyncio.TaskGroup() as group:
            tasks.spawn(group, "publish", self._publication.run())
            # What was published before is what this instance knows of backends that are silent.
            await self._publication.view.newer(0)
            self._estate.remember(_decoded(self._publication))
            tasks.spawn(group, "lead", self._lead())
            tasks.spawn(group, "folders", self._folders.run())
            if self._cluster is not None:
                tasks.spawn(group, "cluster", self._cluster.run())
            tasks.spawn(group, "probe", self._prober.run())

    async def _lead(self) -> None:
        await publication.lead(self._lease, [self._publication], self._metrics.leader.set)

    async def _probe(self, target: Target) -> Observation:
        started = time.monotonic()
        observation = await self._asking.ask(target)
        self._metrics.probe_seconds.observe(time.monotonic() - started)
        self._metrics.probes.labels("not_ready" if observation.ready else "ready").inc()
        return observation

    def _on_source(self) -> None:
        if not self._folders.read_once:
            return
        problems = self._problems()
        self._readiness.set("sources", not problems, "; ".join(problems))
        self._prober.track(self._estate.list_targets())
        self._metrics.problems.set(len(problems))
        self._metrics.warnings.set(len(self._warnings()))
        self._on_observation()

    def _problems(self) -> tuple[str, ...]:
        """Return why what is known of the sources may be out of date."""
        if self._cluster is None:
            return self._folders.unreadable
        unlisted = () if self._cluster.complete else ("kubernetes objects are not all listed yet",)
        return (*self._folders.unreadable, *(self._cluster.problems or unlisted))

    def _on_observation(self) -> None:
        backends = self._estate.refresh(self._prober.observations)
        self._metrics.show(backends.values(), self._folders.files.values())
        self._publication.offer(
            {subjects.token(id_): contracts.encode(b) for id_, b in backends.items()},
            only_add=not self._estate.complete,
        )

    def _warnings(self) -> tuple[str, ...]:
        """Return what of the sources is not used."""
        return (*self._estate.warnings, *(self._cluster.notes if self._cluster else ()))

    def _page(self) -> object:
        return debug.page(
            leading=self._lease.held,
            files=self._folders.files,
            problems=self._problems(),
            warnings=self._warnings(),
            targets=self._estate.targets,
            backends=self._estate.backends,
            seen=self._prober.seen,
        )

    def _health(self) -> object:
        return debug.health(
            problems=self._problems(), targets=self._estate.targets, backends=self._estate.backends
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
