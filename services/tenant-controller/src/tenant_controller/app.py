"""Build the tenant-controller from its configuration, and run it until it is told to stop."""

import asyncio
import logging
import time
from collections.abc import Collection
from typing import Literal

from tenant_controller import catalogue, compile, config, debug, platform_settings, publish
from tenant_controller.compile import Desired
from tenant_controller.findings import Finding
from tenant_controller.folder import Folder
from tenant_controller.metrics import Metrics
from tenant_controller.platform_settings import Platform
from tenantry_common import (
    bus,
    errors,
    leases,
    publication,
    runtime,
    streams,
    subjects,
    tasks,
)
from tenantry_common.contents import Contents
from tenantry_common.publication import Publication

_log = logging.getLogger(__name__)


async def main(settings: config.Config, process: runtime.Runtime) -> None:
    """Run the service; return after `process.stopping`."""
    try:
        platform = platform_settings.parse(settings)
    except platform_settings.Invalid as error:
        raise errors.ConfigError(str(error)) from error
    await tasks.until(process.stopping, _connected(settings, platform, process))


async def _connected(settings: config.Config, platform: Platform, process: runtime.Runtime) -> None:
    process.readiness.set("manifests", False, "not read yet")
    async with process.connect() as connection:
        await streams.ensure(connection, settings.nats)
        await TenantController(settings, platform, process, connection).run()


class TenantController:
    """The parts of one running instance, and who tells whom."""

    def __init__(
        self,
        settings: config.Config,
        platform: Platform,
        process: runtime.Runtime,
        connection: bus.Bus,
    ) -> None:
        self._platform = platform
        self._readiness = process.readiness
        self._metrics = Metrics(process.registry)
        self._lease = leases.Lease(
            connection, subjects.leader_lease(process.service), process.instance
        )
        self._changed = asyncio.Event()
        self._folder = Folder(settings.folder, self._changed.set)
        self._desired = compile.NOTHING
        self._policies = self._publication(connection, subjects.POLICIES)
        self._jobs = self._publication(connection, subjects.JOBS)
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
            tasks.spawn(group, "folder", self._folder.run())
            tasks.spawn(group, "compile", self._compile_forever())
            tasks.spawn(
                group, "lead", publication.lead(self._lease, both, self._metrics.leader.set)
            )

    async def _compile_forever(self) -> None:
        await tasks.forever("compile", self._step, on_error=self._failed)

    async def _step(self) -> None:
        await self._changed.wait()
        self._changed.clear()
        contents = self._folder.contents
        if contents is not None:
            started = time.monotonic()
            # In a thread: the lease must be renewed while thousands of objects are read.
            desired = await asyncio.to_thread(_desired, contents, self._platform)
            self._metrics.compile_seconds.observe(time.monotonic() - started)
            self._take(desired)
        self._readiness.set("manifests", not self._folder.problem, self._folder.problem)

    def _failed(self) -> None:
        self._metrics.failures.inc()
        self._readiness.set("manifests", False, "compiling failed, see the log")
        self._changed.set()

    def _take(self, desired: Desired) -> None:
        _log_new(self._desired.findings, desired.findings)
        self._desired = desired
        self._metrics.show(desired)
        self._policies.offer(publish.policies(desired))
        self._jobs.offer(publish.jobs(desired))

    def _page(self) -> object:
        return debug.page(self._lease.held, self._folder.problem, self._desired)


def _desired(contents: Contents, platform: Platform) -> Desired:
    return compile.everything(catalogue.read(contents), platform)


def _log_new(before: Collection[Finding], now: Collection[Finding]) -> None:
    """Say what is wrong, once: not again because something else in the folder changed."""
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
