"""What was collected last of a shard, in words for people: a few samples of its newest batch; pure."""

from collector.batch import Batch
from tenantry_common import contracts, remote_write, snappy_block, text_names
from tenantry_common.subjects import ShardRef

_SHOWN = 20
_LARGEST_BATCH = 32 << 20


def page(
    shard: ShardRef, progress: contracts.Progress, source: str, batch: Batch | None
) -> dict[str, object]:
    """Return an entry of `/collected-metrics`: the last window, and its first series.

    Of each series its newest sample; `value` in Prometheus' spelling, `timestamp` in ms.
    """
    metrics = [] if batch is None else _metrics(batch)
    return {
        "job": str(shard.job),
        "shard": shard.shard,
        "source": source,
        "lastCollection": progress.window_end_ms,
        "metricsCollected": progress.series,
        "samples": progress.samples,
        "late": progress.late,
        "lastError": progress.last_error,
        "metrics": metrics,
        "omitted": max(0, progress.series - len(metrics)),
    }


def _metrics(batch: Batch) -> list[dict[str, object]]:
    request = snappy_block.decompress(batch.block, limit=_LARGEST_BATCH)
    found: list[dict[str, object]] = []
    for span in remote_write.series(request):
        if len(found) == _SHOWN:
            break
        labels = remote_write.series_labels(request, span)
        begin = remote_write.labels_end(request, span.start, span.end)
        *_, (sample, time) = remote_write.timestamps(request, begin, span.end)
        found.append(
            {
                "name": labels.pop("__name__", ""),
                "labels": labels,
                "value": _value(request[sample.entry : sample.end]),
                "timestamp": time,
            }
        )
    return found


def _value(sample: bytes) -> str:
    """Return the value of an encoded sample; a native histogram is only named."""
    if sample[0] != remote_write.SAMPLE << 3 | 2:
        return "histogram"
    if sample[2] != 0x09:  # a zero is left out
        return "0"
    value = sample[3:11]
    return "stale" if value == remote_write.STALE else text_names.number(value)
