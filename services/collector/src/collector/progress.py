"""What one shard has done: the report's words, the counters, and what is said of a gap."""

import time
from collections.abc import Callable

import msgspec

from collector.encode import Encoding, Tally
from collector.metrics import Metrics
from collector.schedule import Window
from tenantry_common import contracts
from tenantry_common.subjects import ShardRef


class ShardProgress:
    """Counts for one shard since this instance collects it."""

    def __init__(
        self, shard: ShardRef, metrics: Metrics, *, now: Callable[[], float] = time.time
    ) -> None:
        self._metrics = metrics
        self._now = now
        self._samples_per_ms = 0.0
        self._gap_told = False
        self.progress = contracts.Progress(shard=shard.shard)

    def resumed(self, end_ms: int) -> None:
        """Note where the stream says that the shard continues."""
        self._update(window_end_ms=end_ms)

    def published(self, window: Window, encoding: Encoding, warning: str = "") -> None:
        """Count a window that is on the stream, or held nothing.

        `warning` is what else there is to say of it.
        """
        tally, progress = encoding.tally, self.progress
        batches = len(encoding.batches)
        if tally.samples:
            self._samples_per_ms = tally.samples / (window.end_ms - window.start_ms)
        self._update(
            window_end_ms=window.end_ms,
            series=tally.series + tally.published_before,
            samples=progress.samples + tally.samples,
            batches=progress.batches + batches,
            late=progress.late + tally.refused,
        )
        if warnings := [one for one in (_collisions(tally), warning) if one]:
            self.failed("; ".join(warnings))
        elif not self._gap_told:  # what is said of a gap outlives the window that follows it
            self._update(last_error="")
        self._gap_told = False
        self._count(encoding)

    def _count(self, encoding: Encoding) -> None:
        tally, metrics = encoding.tally, self._metrics
        metrics.windows.labels("published" if encoding.batches else "empty").inc()
        metrics.series.inc(tally.series)
        metrics.samples.inc(tally.samples)
        metrics.batches.inc(len(encoding.batches))
        metrics.bytes.inc(sum(len(batch.block) for batch in encoding.batches))
        metrics.collisions.inc(tally.collisions)
        metrics.late.labels("delivered").inc(tally.late)
        metrics.late.labels("refused").inc(tally.refused)
        for reason, count in tally.dropped.items():
            metrics.dropped.labels(reason.value).inc(count)

    def lost(self, gap: Window) -> int:
        """Count a gap that is too old to be made up; return how many samples it probably held.

        The number is an estimate from the rate of the last window, and 1 when there was none.
        """
        span = gap.end_ms - gap.start_ms
        samples = max(1, round(self._samples_per_ms * span))
        self._metrics.lost_seconds.inc(span / 1000)
        self.failed(f"{span / 1000:g} s of samples are older than lookback and were not made up")
        self._gap_told = True
        self._update(late=self.progress.late + samples)
        return samples

    def slow(self, reason: str) -> None:
        """Note that a window took longer than the job's interval."""
        self._metrics.slow.inc()
        self.failed(reason)

    def skipped(self, intervals: int) -> None:
        """Count intervals of which nothing is collected, because only the newest is wanted."""
        self._metrics.skipped.inc(intervals)

    def failed(self, reason: str) -> None:
        """Note why nothing is published."""
        self._update(last_error=reason, last_error_ms=int(self._now() * 1000))

    def _update(self, **changes: int | str) -> None:
        self.progress = msgspec.structs.replace(self.progress, **changes)


def _collisions(tally: Tally) -> str:
    if not tally.collisions:
        return ""
    return (
        f"{tally.collisions} series became equal to another one by relabelling or extra labels; "
        "only the first of each is delivered"
    )
