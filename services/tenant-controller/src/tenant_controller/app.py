"""Build the tenant-controller from its configuration, and run it until it is told to stop."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from typing import Literal, Protocol

from tenant_controller import compile, config, debug, platform_settings, publish
from tenant_controller.cluster import Cluster
from tenant_controller.compile import Compiled, Desired
from tenant_controller.findings import Finding
from tenant_controller.folder import Folder
from tenant_controller.metrics import Metrics
from tenant_controller.platform_settings import Platform
from tenant_controller.reported import Reported
from tenant_controller.status_writer import StatusWriter
from tenant_controller.webhook import Webhook
from tenantry_common import (
    bus,
    errors,
    kubernetes,
    leases,
    publication,
    runtime,
    streams,
    subjects,
    tasks,
)
from tenantry_common.publication import Publication

_log = logging.getLogger(__name__)

_FOLLOW_SECONDS = (
    0.25  # thousands of objects that are published one by one are not looked at for each
)


class Source(Protocol):
    """Where MetricAccess objects come from."""

    @property
    def name(self) -> str:
        """What readiness calls it."""
        ...

    @property
    def problem(self) -> str:
        """Why what is known may be out of date; empty while all is well."""
        ...

    def look(self) -> Callable[[Platform], Desired] | None:
        """Return how to compile what is known, None as long as nothing is."""
        ...

    async def run(self) -> None:
        """Follow it, for ever."""
        ...


async def main(settings: config.Config, process: runtime.Runtime) -> None:
    """Run the service; return after `process.stopping`."""
    try:
        platform = platform_settings.parse(settings)
    except platform_settings.Invalid as error:
        raise errors.ConfigError(str(error)) from error
    await tasks.until(process.stopping, _connected(settings, platform, process))


async def _connected(settings: config.Config, platform: Platform, process: runtime.Runtime) -> None:
    source = "manifests" if settings.kubernetes is None else "kubernetes"
    process.readiness.set(source, False, "not read yet")
    metrics = Metrics(process.registry)
    async with (
        _webhook(settings.webhook, metrics),
        _api(settings.kubernetes, process) as api,
        process.connect() as connection,
    ):
        await streams.ensure(connection, settings.nats)
        await TenantController(settings, platform, process, metrics, connection, api).run()


@contextlib.asynccontextmanager
async def _webhook(settings: config.Webhook | None, metrics: Metrics) -> AsyncIterator[None]:
    """Serve the admission webhook meanwhile; it needs neither NATS nor the API server."""
    if settings is None:
        yield
        return
    webhook = Webhook(settings, metrics)
    await webhook.start()
    async with asyncio.TaskGroup() as group:
        task = tasks.spawn(group, "webhook", webhook.run())
        try:
            yield
        finally:
            task.cancel()


@contextlib.asynccontextmanager
async def _api(
    settings: config.Kubernetes | None, process: runtime.Runtime
) -> AsyncIterator[kubernetes.Api | None]:
    if settings is None:
        yield None
        return
    agent = f"tenantry-{process.service}"
    async with kubernetes.connect(settings.api, agent, setting="$.kubernetes.api") as api:
        yield api


class TenantController:
    """The parts of one running instance, and who tells whom."""

    def __init__(
        self,
        settings: config.Config,
        platform: Platform,
        process: runtime.Runtime,
        metrics: Metrics,
        connection: bus.Bus,
        api: kubernetes.Api | None,
    ) -> None:
        self._platform = platform
        self._readiness = process.readiness
        self._metrics = metrics
        self._lease = leases.Lease(
            connection,
            subjects.leader_lease(process.service),
            process.instance,
            term=leases.LEADER,
        )
        self._changed = asyncio.Event()
        self._desired = compile.NOTHING
        self._wanted: Mapping[str, Mapping[str, bytes]] = {}
        self._policies = self._publication(connection, subjects.POLICIES)
        self._jobs = self._publication(connection, subjects.JOBS)
        self._status: StatusWriter | None = None
        self._reported: Reported | None = None
        self._source: Source
        if settings.kubernetes is not None and api is not None:
            need_labels = platform.boundaries.need_labels
            cluster = Cluster(api, settings.kubernetes, self._changed.set, need_labels=need_labels)
            self._reported = Reported(connection, self._touch)
            self._status = StatusWriter(
                api,
                settings.kubernetes,
                self._metrics,
                objects=lambda: cluster.objects,
                reported=self._reported,
                published=self._is_published,
                lease=self._lease,
                instance=process.instance,
            )
            cluster.on_touched = self._status.touch
            self._source = cluster
        elif settings.folder is not None:
            self._source = Folder(settings.folder, self._changed.set)
        process.pages.add_json("/debug/tenants", self._page)

    def _publication(self, connection: bus.Bus, bucket: str) -> Publication:
        def on_write(what: Literal["put", "delete"]) -> None:
            self._metrics.writes.labels(bucket, what).inc()

        return Publication(connection, bucket, self._lease, on_write=on_write)

    async def run(self) -> None:
        """Compile and publish, for ever."""
        both = (self._policies, self._jobs)
        async with asyncio.TaskGroup() as group:
            tasks.spawn(group, "publish policies", self._policies.run())
            tasks.spawn(group, "publish jobs", self._jobs.run())
            tasks.spawn(group, self._source.name, self._source.run())
            tasks.spawn(group, "compile", self._compile_forever())
            tasks.spawn(group, "lead", publication.lead(self._lease, both, self._led))
            if self._status is not None and self._reported is not None:
                tasks.spawn(group, "reports", self._reported.run())
                tasks.spawn(group, "status", self._status.run())
                for one in both:
                    tasks.spawn(group, "published", self._follow(one, self._status))

    async def _compile_forever(self) -> None:
        await tasks.forever("compile", self._step, on_error=self._failed)

    async def _step(self) -> None:
        await self._changed.wait()
        self._changed.clear()
        compile_all = self._source.look()
        if compile_all is not None:
            started = time.monotonic()
            # In a thread: the lease must be renewed while thousands of objects are read.
            desired, wanted = await asyncio.to_thread(_compiled, compile_all, self._platform)
            self._metrics.compile_seconds.observe(time.monotonic() - started)
            self._take(desired, wanted)
        problem = self._source.problem
        self._metrics.source_up.set(not problem)
        ready = compile_all is not None and not problem
        self._readiness.set(self._source.name, ready, problem or "not read yet")

    def _failed(self) -> None:
        self._metrics.failures.inc()
        self._readiness.set(self._source.name, False, "compiling failed, see the log")
        self._changed.set()

    def _take(self, desired: Desired, wanted: Mapping[str, Mapping[str, bytes]]) -> None:
        _log_new(self._desired.findings, desired.findings)
        self._desired = desired
        self._wanted = wanted
        self._metrics.show(desired)
        self._policies.offer(wanted[subjects.POLICIES])
        self._jobs.offer(wanted[subjects.JOBS])
        if self._status is not None:
            self._status.offer(desired)

    def _is_published(self, compiled: Compiled) -> bool:
        """Whether what an object means stands on NATS."""
        validated = compiled.entry.validated
        policy = subjects.token(validated.namespace)
        job = subjects.job_key(subjects.JobRef(validated.namespace, validated.name))
        return all(
            self._wanted[bucket].get(key) == published.view.raw.get(key)
            for bucket, published, key in (
                (subjects.POLICIES, self._policies, policy),
                (subjects.JOBS, self._jobs, job),
            )
        )

    async def _follow(self, published: Publication, status: StatusWriter) -> None:
        version = 0
        while True:
            version = await published.view.newer(version)
            status.touch_waiting()
            await asyncio.sleep(_FOLLOW_SECONDS)

    def _touch(self, jobs: Collection[subjects.JobRef]) -> None:
        if self._status is not None:
            self._status.touch([(job.tenant, job.name) for job in jobs])

    def _led(self, held: bool) -> None:
        self._metrics.leader.set(held)
        if self._status is not None and held:
            self._status.touch_all()

    def _page(self) -> object:
        return debug.page(self._lease.held, self._source.problem, self._desired)


def _compiled(
    compile_all: Callable[[Platform], Desired], platform: Platform
) -> tuple[Desired, Mapping[str, Mapping[str, bytes]]]:
    desired = compile_all(platform)
    wanted = {subjects.POLICIES: publish.policies(desired), subjects.JOBS: publish.jobs(desired)}
    return desired, wanted


def _log_new(before: Collection[Finding], now: Collection[Finding]) -> None:
    """Say what is wrong, once: not again because something else in the source changed."""
    known = set(before)
    for finding in now:
        if finding not in known:
            problem = finding.problem
            _log.log(
                logging.ERROR if finding.is_error else logging.WARNING,
                "problem in a manifest",
                extra={
                    "file": finding.file,
                    "line": finding.line,
                    "object": problem.object,
                    "path": problem.path,
                    "error": problem.message,
                },
            )
