"""What there is to say of this instance's lanes: for KV `reports`, the gauges and the ops port."""

import time
from collections.abc import Callable, Iterable, Mapping

import msgspec

from tenantry_common import contracts, reports
from tenantry_common.subjects import JobRef
from writer.assign import Refusal
from writer.backfills import Backfills
from writer.metrics import Metrics, Target
from writer.tally import Tally


def by_job(
    tallies: Iterable[Tally],
    refusals: Mapping[Refusal, int],
    backfills: Backfills,
) -> reports.Said:
    """Return what there is to say of each job; pure. `refusals` are with the ms they began at."""
    found: dict[JobRef, list[contracts.Progress]] = {}
    for tally in tallies:
        spans = backfills.spans(tally.lane)
        progress = msgspec.structs.replace(tally.progress, gaps=spans)
        found.setdefault(tally.lane.shard.job, []).append(progress)
    for refusal, since_ms in refusals.items():
        found.setdefault(refusal.job, []).append(
            contracts.Progress(
                shard="",
                endpoint=refusal.endpoint,
                last_error=refusal.reason,
                last_error_ms=since_ms,
            )
        )
    return {
        job: tuple(sorted(progress, key=lambda one: (one.shard, one.endpoint)))
        for job, progress in found.items()
    }


class Report:
    """Looks at the tallies of the running lanes and at what is refused."""

    def __init__(
        self,
        metrics: Metrics,
        tallies: Callable[[], Iterable[Tally]],
        refusals: Callable[[], Iterable[Refusal]],
        backfills: Backfills,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._metrics = metrics
        self._tallies = tallies
        self._refusals = refusals
        self._backfills = backfills
        self._now = now
        self._since: dict[Refusal, int] = {}
        self._targets: set[Target] = set()

    def say(self) -> reports.Said:
        """Return what a report says now, and bring the gauges up to date."""
        self._set_gauges()
        now_ms = int(self._now() * 1000)
        self._since = {one: self._since.get(one, now_ms) for one in self._refusals()}
        return by_job(self._tallies(), self._since, self._backfills)

    def _set_gauges(self) -> None:
        lags: dict[Target, float] = {}
        pending: dict[Target, int] = {}
        for tally in self._tallies():
            progress, target = tally.progress, tally.target
            pending[target] = pending.get(target, 0) + progress.pending
            if progress.window_end_ms:
                lag = self._now() - progress.window_end_ms / 1000
                lags[target] = max(lag, lags.get(target, 0.0))
        for target, lag in lags.items():
            self._metrics.lag.labels(*target).set(lag)
        for target, count in pending.items():
            self._metrics.pending.labels(*target).set(count)
        for target in self._targets - pending.keys():
            self._metrics.forget(target)
        self._targets = set(pending)
