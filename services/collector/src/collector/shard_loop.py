"""Collect one shard of a job, window after window, for as long as this instance holds its lease.

The shell around the pure parts: the stream says where to continue (`resume`), the clock says what
is due (`schedule`), a replica answers (`replicas`), the batches go to the stream (`publish`). There
is one way back from every doubt: forget the position and ask the stream again.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from collector import collected, publish, resume, schedule
from collector.metrics import Metrics
from collector.progress import ShardProgress
from collector.publish import Origin
from collector.pull import Failed, TooLarge
from collector.replicas import Before, Encoded, Recall, Replicas, Work
from collector.resume import Position
from collector.schedule import Due, Timing, Wait, Window
from tenantry_common import backoff, bus, contracts, errors, leases, logs, subjects, tasks
from tenantry_common.subjects import ShardRef

_log = logging.getLogger(__name__)

_FIRST_RETRY_SECONDS = 0.5
_IDLE_SECONDS = 60.0
_REPEAT_LOG_SECONDS = 60.0
_LOSSY = "the source's remote read is closed: stale markers and native histograms are not delivered"


@dataclass(frozen=True, kw_only=True)
class Pace:
    """What the configuration says about time, in ms, and how much is done at once."""

    settle: int
    spread: int
    slice: int
    overlap: int | None = None
    """None: the job's interval."""
    retry_max_seconds: float
    slots: asyncio.Semaphore
    """Taken for as long as a window of any shard is in memory."""
    small_answer: int
    """Bytes up to which an answer leaves room for a longer slice."""


class ShardLoop:
    """One shard. `work` tells what it is collected from and for, None when it should not be."""

    def __init__(
        self,
        connection: bus.Bus,
        shard: ShardRef,
        instance: str,
        work: Callable[[], Work | None],
        replicas: Replicas,
        pace: Pace,
        metrics: Metrics,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.progress = ShardProgress(shard, metrics, now=now)
        self.lease = leases.Lease(connection, subjects.collector_lease(shard), instance)
        self._bus = connection
        self._shard = shard
        self._work = work
        self._replicas = replicas
        self._pace = pace
        self._metrics = metrics
        self._now = now
        self._position: Position | None = None
        self._slice: int | None = None
        self._continuing = False
        """Whether the window before is published by this instance, and nothing is in doubt."""
        self._wake = asyncio.Event()
        self._delays = backoff.delays(_FIRST_RETRY_SECONDS, pace.retry_max_seconds)
        self._throttle = logs.Throttle(_REPEAT_LOG_SECONDS)
        self._fields = {
            "tenant": shard.job.tenant,
            "job": shard.job.name,
            "shard": shard.shard,
        }

    async def run(self) -> None:
        """Collect for ever whenever the lease is ours; give it up when cancelled."""
        async with asyncio.TaskGroup() as group:
            keeper = tasks.spawn(
                group, f"lease {self._shard}", leases.keep(self.lease, self._lease_changed)
            )
            try:
                await tasks.forever(
                    f"collect {self._shard}", self._tenure, on_error=self._metrics.errors.inc
                )
            finally:
                # Only now: nothing is being published any more.
                await tasks.cancel(keeper)

    def collected(self) -> dict[str, object]:
        """Return what was collected last, for people."""
        source, batch = self._replicas.newest or ("", None)
        return collected.page(self._shard, self.progress.progress, source, batch)

    def wake(self) -> None:
        """Look again at what is to be done: the job or its sources changed."""
        self._wake.set()

    def _lease_changed(self, held: bool) -> None:
        _log.info("shard is ours" if held else "shard is not ours any more", extra=self._fields)
        self.wake()

    async def _tenure(self) -> None:
        """Resume from the stream and go on until the lease is lost or something is in doubt."""
        self._wake.clear()
        if not self.lease.held:
            await self._pause(_IDLE_SECONDS)
            return
        try:
            self._continuing = False
            found = await resume.read(self._bus, self._shard)
            self._position = resume.newest(self._position, found)
            if self._position is not None:
                self.progress.resumed(self._position.end_ms)
            while self.lease.held:
                await self._step()
        except errors.Fenced as error:
            self._metrics.windows.labels("fenced").inc()
            _log.warning("fenced, resuming", extra={**self._fields, "error": str(error)})
            await self._pause(next(self._delays))
        except (errors.BusUnavailable, errors.Undecodable, errors.NewerSchema) as error:
            await self._fail(str(error))

    async def _step(self) -> None:
        """Do the next thing: wait for a window to be due, or collect it."""
        self._wake.clear()
        work = self._work()
        if work is None:
            await self._pause(_IDLE_SECONDS)
            return
        timing = self._timing(work.job)
        now_ms = int(self._now() * 1000)
        if self._position is None:
            self._position = Position(end_ms=schedule.first_start(now_ms, timing), sequence=0)
        if self._position.unfinished is not None:
            await self._collect(work, self._position, self._position.unfinished.window, timing)
            return
        match schedule.due(self._position.end_ms, now_ms, timing):
            case Wait(until_ms):
                await self._pause((until_ms - now_ms) / 1000)
            case Due(window, lost, skipped):
                if lost is not None:
                    self._lost(lost)
                    self._position = replace(self._position, end_ms=lost.end_ms)
                self.progress.skipped(skipped)
                await self._collect(work, self._position, window, timing)

    def _timing(self, job: contracts.DeliveryJob) -> Timing:
        longest = max(self._pace.slice, job.interval_ms)
        return Timing(
            interval=job.interval_ms,
            settle=self._pace.settle,
            delay=schedule.delay(str(self._shard), self._pace.spread),
            slice=min(longest, self._slice or longest),
            lookback=job.lookback_ms,
            latest=job.collection == "latest",
        )

    async def _collect(
        self, work: Work, position: Position, window: Window, timing: Timing
    ) -> None:
        async with self._pace.slots:
            begun = asyncio.get_running_loop().time()
            published, before = frozenset[bytes](), None
            if position.unfinished is not None:
                published = await resume.published_series(
                    self._bus, self._shard, position.unfinished
                )
            else:
                before = self._before(position, window, timing)
            self._continuing = False
            outcome = await self._replicas.collect(work, window, published, before)
            if isinstance(outcome, Encoded):
                await self._publish(position, window, outcome, timing)
                self._tell_slow(asyncio.get_running_loop().time() - begun, timing)
                return
        shorter = None if position.unfinished else schedule.shorter(timing, window)
        await self._not_collected(window, outcome, timing, shorter)

    def _before(self, position: Position, window: Window, timing: Timing) -> Before:
        """Return what is known of what is published before `window`."""
        overlap = timing.interval if self._pace.overlap is None else self._pace.overlap
        # Not longer than the window itself: that one may be short because answers are too large.
        span = 0 if timing.latest else window.end_ms - window.start_ms
        overlap = min(overlap, timing.interval, span)
        last = position.published
        if last is None or self._continuing:
            return Before(overlap=overlap)
        recall = Recall(
            origin=Origin(last.source, last.version),
            since_ms=last.window.start_ms,
            read=partial(resume.last_published, self._bus, self._shard, last),
        )
        return Before(overlap=overlap, recall=recall)

    async def _publish(
        self, position: Position, window: Window, encoded: Encoded, timing: Timing
    ) -> None:
        encoding = encoded.encoding
        whole = position.unfinished is None
        self._position = await publish.window(
            self._bus,
            self._shard,
            window,
            position,
            encoding.batches,
            # What two instances published together nobody goes on with behind.
            encoded.origin if whole else encoded.origin._replace(version=""),
            allowed=lambda: self.lease.held,
        )
        self._replicas.published(window, encoded, whole=whole)
        self._continuing = whole
        self.progress.published(window, encoding, _LOSSY if encoded.lossy else "")
        self._delays = backoff.delays(_FIRST_RETRY_SECONDS, self._pace.retry_max_seconds)
        if self._slice is not None and encoded.answer_bytes <= self._pace.small_answer:
            self._slice = schedule.longer(timing, max(self._pace.slice, timing.interval)).slice
        _log.debug(
            "window published",
            extra={
                **self._fields,
                "window": str(window),
                "series": encoding.tally.series,
                "samples": encoding.tally.samples,
                "batches": len(encoding.batches),
            },
        )

    def _tell_slow(self, seconds: float, timing: Timing) -> None:
        """Say that windows come due faster than they are collected; they are collected at once."""
        if seconds * 1000 <= timing.interval:
            return
        reason = f"a window takes {seconds:.1f} s, the interval is {timing.interval / 1000:g} s"
        self.progress.slow(reason)
        if self._throttle.allow("slow"):
            _log.warning(
                "interval is shorter than its work", extra={**self._fields, "error": reason}
            )

    async def _not_collected(
        self, window: Window, outcome: TooLarge | Failed, timing: Timing, shorter: Timing | None
    ) -> None:
        """Try again: at once with a shorter window if it was too large, else after a pause.

        `shorter` is None for a window that cannot be cut, such as one that is published in part.
        """
        if isinstance(outcome, TooLarge):
            self._metrics.windows.labels("too_large").inc()
            if shorter is not None:
                self._slice = shorter.slice
                _log.info(
                    "window is too large, collecting shorter ones",
                    extra={**self._fields, "window": str(window), "error": outcome.reason},
                )
                return
        elif shorter is not None and shorter.slice >= timing.interval:
            # Perhaps it was too much to be answered in time.
            self._slice = shorter.slice
        self._metrics.windows.labels("failed").inc()
        await self._fail(outcome.reason)

    async def _fail(self, reason: str) -> None:
        """Say what is wrong and wait before the next attempt."""
        self.progress.failed(reason)
        if self._throttle.allow(reason):
            _log.warning("not collected, trying again", extra={**self._fields, "error": reason})
        await self._pause(next(self._delays))

    def _lost(self, gap: Window) -> None:
        samples = self.progress.lost(gap)
        _log.error(
            "samples are too old to be made up",
            extra={**self._fields, "window": str(gap), "samples_estimated": samples},
        )

    async def _pause(self, seconds: float) -> None:
        """Wait, but not longer than until something changed, nor than a minute."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), min(seconds, _IDLE_SECONDS))
