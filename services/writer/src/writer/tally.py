"""What was done on one lane since it was started: the source of reports, metrics and pages.

Written by the lane's loop, read by the reporter.
"""

import time
from collections.abc import Callable, Sequence

import msgspec

from tenantry_common import contracts, remote_write
from writer import isolate, outcome
from writer.assign import Lane
from writer.batch import Batch
from writer.metrics import Metrics, Target


class Tally:
    """Counts of one lane; `progress` is what a report says of it."""

    def __init__(
        self, lane: Lane, metrics: Metrics, *, now: Callable[[], float] = time.time
    ) -> None:
        self.lane = lane
        self.target = Target(*lane.shard.job, lane.endpoint.id)
        self.progress = contracts.Progress(shard=lane.shard.shard, endpoint=lane.endpoint.id)
        self._metrics = metrics
        self._now = now

    def settled(
        self, batch: Batch, size: int, refused: Sequence[isolate.Refused], pending: int
    ) -> None:
        """Count a batch of `size` bytes that the endpoint stored but for `refused`."""
        if batch.window_end_ms:
            latency = self._now() - batch.window_end_ms / 1000
            self._metrics.latency.labels(*self.target).observe(max(0.0, latency))
        self._update(
            window_end_ms=max(self.progress.window_end_ms, batch.window_end_ms), pending=pending
        )
        self._stored(batch, size, refused)

    def backfilled(self, batch: Batch, size: int, refused: Sequence[isolate.Refused]) -> None:
        """Count a batch that was made up."""
        samples = self._stored(batch, size, refused)
        self._metrics.made_up.labels(*self.target).inc(samples)
        self._update(made_up=self.progress.made_up + samples)

    def _stored(self, batch: Batch, size: int, refused: Sequence[isolate.Refused]) -> int:
        """Count what became of a batch; return how many of its samples the endpoint has."""
        metrics = self._metrics
        rejected = [one for one in refused if one.verdict == "rejected"]
        samples = max(0, batch.samples - sum(_samples(one, batch) for one in rejected))
        metrics.batches.labels(*self.target).inc()
        metrics.samples.labels(*self.target).inc(samples)
        metrics.bytes.labels(*self.target).inc(size)
        metrics.already_stored.labels(*self.target).inc(len(refused) - len(rejected))
        for one in rejected:
            metrics.rejected.labels(*self.target, one.cause).inc()
        self._update(
            samples=self.progress.samples + samples,
            batches=self.progress.batches + 1,
            rejected=self.progress.rejected + len(rejected),
        )
        if rejected:
            self._complain(f"{len(rejected)} series rejected: {rejected[0].reason}")
        return samples

    def made_up(self, request: contracts.Backfill) -> None:
        """Count a request that is settled, and say what of its span is not to be had any more."""
        missed = request.lost_ms + request.empty_ms
        if not missed:
            return
        self._metrics.missed.labels(*self.target, "lookback").inc(request.lost_ms / 1000)
        self._metrics.missed.labels(*self.target, "source").inc(request.empty_ms / 1000)
        self._update(missed_ms=self.progress.missed_ms + missed)
        self._complain(
            f"of a gap, {request.lost_ms / 1000:g} s are older than lookback and for "
            f"{request.empty_ms / 1000:g} s the source holds nothing"
        )

    def failed(self, result: outcome.Failure) -> None:
        """Count a request that did not succeed."""
        match result:
            case outcome.Retry():
                kind = "retry"
            case outcome.Split():
                kind = "split"
            case outcome.ConfigFault():
                kind = "config"
            case outcome.CredentialsFault():
                kind = "credentials"
        self._metrics.failures.labels(*self.target, kind).inc()
        if kind != "split":  # that is no retry: other bytes are sent next
            self._update(retries=self.progress.retries + 1)
            self._complain(result.reason)

    def lost(self) -> None:
        """Count a batch that was left because it may be somebody else's."""
        self._metrics.lost.labels(*self.target).inc()

    def missed(self) -> None:
        """Count a span that left the stream before the endpoint took it."""
        self._metrics.gaps.labels(*self.target).inc()

    def missed_pushes(self, missed_ms: int) -> None:
        """Count pushed batches that left the stream, which nobody can be asked for again."""
        self.missed()
        self._metrics.missed.labels(*self.target, "pushed").inc(missed_ms / 1000)
        self._update(missed_ms=self.progress.missed_ms + missed_ms)
        self._complain("pushed batches left the stream before the endpoint took them")

    def stopped(self, reason: str) -> None:
        """Note why the lane does not go on."""
        self._complain(reason)

    def waiting(self, batches: int) -> None:
        """Note how many batches wait for this lane."""
        self._update(pending=batches)

    def _complain(self, reason: str) -> None:
        self._update(last_error=reason, last_error_ms=int(self._now() * 1000))

    def _update(self, **changed: int | str) -> None:
        self.progress = msgspec.structs.replace(self.progress, **changed)


def _samples(refused: isolate.Refused, batch: Batch) -> int:
    """Return how many samples are lost with a rejected series, or with an unreadable batch."""
    return batch.samples if refused.unreadable else remote_write.count(refused.request).samples
