"""How far one delivery has come, from what collectors and writers report of it; pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tenantry_common.contracts import DeliveryJob, Progress, Report

_SILENT_MS = 60_000  # reports come every 8 s as long as their writer lives
_FRESH_MS = 60_000
_INTERVALS = 3


@dataclass(frozen=True, kw_only=True)
class Replica:
    """One endpoint of a job."""

    endpoint: str
    delivered_ms: int
    """Everything up to there is stored, in every shard; 0: not known."""
    pending: int
    """Batches that wait for it."""
    rejected: int
    """Series that it refused, since the writers started."""
    error: str
    """Why it does not get what it should; empty while all is well."""


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One job."""

    collected_ms: int
    """End of the newest window that was collected; 0: none is known."""
    series: int
    """Series in the last windows of all shards."""
    collector_reports: bool
    """Whether a collector that lives works on it."""
    collector_error: str
    replicas: tuple[Replica, ...]
    writer_reports: bool

    @property
    def delivered_ms(self) -> int:
        """Everything up to there is stored at every endpoint; 0: not known."""
        return min((replica.delivered_ms for replica in self.replicas), default=0)

    @property
    def last_error(self) -> str:
        """Some error that keeps it from going on; empty while all is well."""
        found = (replica.error for replica in self.replicas if replica.error)
        return self.collector_error or next(found, "")


def of(job: DeliveryJob, reports: Iterable[Report], now_ms: int) -> Delivery:
    """Return how far `job` has come, given the reports about it."""
    live = [report for report in reports if now_ms - report.at_ms <= _SILENT_MS]
    collectors = list(_newest_by_shard(r for r in live if r.component == "collector"))
    writers = [r for r in live if r.component == "writer"]
    collected = max((progress.window_end_ms for progress in collectors), default=0)
    patience = max(_FRESH_MS, _INTERVALS * job.interval_ms)
    return Delivery(
        collected_ms=collected,
        series=sum(progress.series for progress in collectors),
        collector_reports=bool(collectors),
        collector_error=next((p.last_error for p in collectors if p.last_error), ""),
        replicas=tuple(
            _replica(endpoint.id, _of_endpoint(writers, endpoint.id), collected, patience, now_ms)
            for endpoint in job.endpoints
        ),
        writer_reports=any(report.progress for report in writers),
    )


def _newest_by_shard(reports: Iterable[Report]) -> Iterator[Progress]:
    """Yield what was last said of each shard; a shard may have moved between collectors."""
    newest: dict[str, Progress] = {}
    for report in sorted(reports, key=lambda report: report.at_ms):
        for progress in report.progress:
            known = newest.get(progress.shard)
            if known is None or progress.window_end_ms >= known.window_end_ms:
                newest[progress.shard] = progress
    yield from newest.values()


def _of_endpoint(reports: Iterable[Report], endpoint: str) -> list[Progress]:
    """Return what was last said of an endpoint, one item for each shard."""
    newest: dict[str, Progress] = {}
    for report in sorted(reports, key=lambda report: report.at_ms):
        for progress in report.progress:
            if progress.endpoint == endpoint:
                known = newest.get(progress.shard)
                if known is None or progress.window_end_ms >= known.window_end_ms:
                    newest[progress.shard] = progress
    return list(newest.values())


def _replica(
    endpoint: str, said: list[Progress], collected_ms: int, patience_ms: int, now_ms: int
) -> Replica:
    shards = [progress for progress in said if progress.shard]
    delivered = min((progress.window_end_ms for progress in shards), default=0)
    return Replica(
        endpoint=endpoint,
        delivered_ms=delivered,
        pending=sum(progress.pending for progress in shards),
        rejected=sum(progress.rejected for progress in shards),
        error=_error(said, collected_ms, delivered, patience_ms, now_ms),
    )


def _error(
    said: list[Progress], collected_ms: int, delivered_ms: int, patience_ms: int, now_ms: int
) -> str:
    refused = next((p.last_error for p in said if not p.shard and p.last_error), "")
    if refused:  # the writer does not even try
        return refused
    # Writers keep their last error: it counts while something waits, or while it is fresh.
    told = sorted(
        (p for p in said if p.last_error and (p.pending or now_ms - p.last_error_ms < _FRESH_MS)),
        key=lambda p: p.last_error_ms,
    )
    if told:
        return told[-1].last_error
    if delivered_ms and collected_ms - delivered_ms > patience_ms:
        return f"is {(collected_ms - delivered_ms) // 1000} s behind"
    return ""
