"""Tell how far an instance has come with each job: KV `reports`.

A report is written when it changed, at most once per second, and again every few seconds while
nothing changes, so that a reader can tell silence from standstill.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Literal

from tenantry_common import bus, contracts, errors, kv, logs, subjects, tasks
from tenantry_common.subjects import JobRef

_log = logging.getLogger(__name__)

_CHANGED_SECONDS = 1.0
_REFRESH_SECONDS = 8.0
_REPEAT_LOG_SECONDS = 60.0

type Said = Mapping[JobRef, tuple[contracts.Progress, ...]]
"""What there is to say of each job."""


def due(
    written: Mapping[JobRef, tuple[float, tuple[contracts.Progress, ...]]], said: Said, now: float
) -> tuple[frozenset[JobRef], frozenset[JobRef]]:
    """Return the jobs whose reports are to be put, and to be deleted; pure. `now` in seconds."""
    puts = frozenset(
        job
        for job, progress in said.items()
        if job not in written
        or written[job][1] != progress
        or now - written[job][0] >= _REFRESH_SECONDS
    )
    return puts, frozenset(written) - frozenset(said)


class Reporter:
    """Writes the reports of this instance; `say` is asked every second."""

    def __init__(
        self,
        connection: bus.Bus,
        component: Literal["collector", "writer"],
        instance: str,
        say: Callable[[], Said],
        *,
        on_error: Callable[[], None] = lambda: None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._bus = connection
        self._component = component
        self._instance = instance
        self._say = say
        self._on_error = on_error
        self._now = now
        self._written: dict[JobRef, tuple[float, tuple[contracts.Progress, ...]]] = {}
        self._throttle = logs.Throttle(_REPEAT_LOG_SECONDS)

    async def run(self) -> None:
        """Report for ever."""
        await tasks.forever("report", self._step, on_error=self._on_error)

    async def withdraw(self) -> None:
        """Delete what this instance said, because it ends. Without NATS it expires by itself."""
        if not self._bus.connected:
            return  # a stop must not wait for a NATS that is away
        try:
            await self._delete(frozenset(self._written))
        except errors.BusUnavailable as error:
            _log.debug("reports not withdrawn", extra={"error": str(error)})

    async def _step(self) -> None:
        said = self._say()
        puts, deletes = due(self._written, said, self._now())
        try:
            for job in puts:
                await self._put(job, said[job])
            await self._delete(deletes)
        except errors.BusUnavailable as error:
            if self._throttle.allow("report"):
                _log.warning("reports cannot be written", extra={"error": str(error)})
        await asyncio.sleep(_CHANGED_SECONDS)

    async def _put(self, job: JobRef, progress: tuple[contracts.Progress, ...]) -> None:
        now = self._now()
        report = contracts.Report(
            tenant=job.tenant,
            job=job.name,
            component=self._component,
            instance=self._instance,
            at_ms=int(now * 1000),
            progress=progress,
        )
        await kv.put(self._bus, subjects.REPORTS, self._key(job), contracts.encode(report))
        self._written[job] = (now, progress)

    async def _delete(self, jobs: Iterable[JobRef]) -> None:
        for job in jobs:
            await kv.delete(self._bus, subjects.REPORTS, self._key(job))
            del self._written[job]

    def _key(self, job: JobRef) -> str:
        return subjects.report_key(job, self._component, self._instance)
