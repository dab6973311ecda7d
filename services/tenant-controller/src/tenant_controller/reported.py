"""What collectors and writers report, by job: KV `reports` as it is now."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping

from tenantry_common import bus, contracts, kv, subjects, tasks
from tenantry_common.contracts import Report
from tenantry_common.subjects import JobRef

_LINGER_SECONDS = 1.0  # every instance reports every job every few seconds; status is in no hurry


class Reported:
    """A mirror of all reports. `on_change` is called with the jobs of which something new is said."""

    def __init__(
        self, connection: bus.Bus, on_change: Callable[[Collection[JobRef]], None]
    ) -> None:
        self._view = kv.KvView(
            connection,
            subjects.REPORTS,
            contracts.decode_report,
            linger_seconds=_LINGER_SECONDS,
        )
        self._on_change = on_change
        self._known: Mapping[str, Report] = {}
        self._by_job: dict[JobRef, dict[str, Report]] = {}

    def of(self, job: JobRef) -> tuple[Report, ...]:
        """Return what is said of `job`."""
        return tuple(self._by_job.get(job, {}).values())

    async def run(self) -> None:
        """Follow, for ever."""
        async with asyncio.TaskGroup() as group:
            tasks.spawn(group, "mirror reports", self._view.run())
            tasks.spawn(group, "follow reports", self._follow())

    async def _follow(self) -> None:
        version = 0
        while True:
            version = await self._view.newer(version)
            changed = self._take(self._view.snapshot)
            if changed:
                self._on_change(changed)

    def _take(self, snapshot: Mapping[str, Report]) -> set[JobRef]:
        changed = {
            JobRef(report.tenant, report.job)
            for key, report in (*snapshot.items(), *self._known.items())
            if snapshot.get(key) is not self._known.get(key)
        }
        if changed:
            by_job: dict[JobRef, dict[str, Report]] = defaultdict(dict)
            for key, report in snapshot.items():
                by_job[JobRef(report.tenant, report.job)][key] = report
            self._by_job = dict(by_job)
        self._known = snapshot
        return changed
