"""What a cluster pushed, for tests: requests built with generated classes, not with our own bytes."""

import struct
from collections.abc import Mapping, Sequence

from tenantry_common import remote_write, snappy_block
from tenantry_common.proto import remote_pb2

STALE = struct.unpack("<d", remote_write.STALE)[0]
TYPES = remote_pb2.MetricMetadata.MetricType


def request(
    *series: tuple[Mapping[str, str], float, int], types: Mapping[str, str] | None = None
) -> bytes:
    """Return a request of series with one sample each: labels, value, milliseconds."""
    made = remote_pb2.WriteRequest()
    for labels, value, stamp in series:
        one = made.timeseries.add()
        for name in sorted(labels):
            one.labels.add(name=name, value=labels[name])
        one.samples.add(value=value, timestamp=stamp)
    for name, kind in (types or {}).items():
        made.metadata.add(metric_family_name=name, type=TYPES.Value(kind.upper()))
    encoded: bytes = made.SerializeToString()
    return encoded


def block(
    *series: tuple[Mapping[str, str], float, int], types: Mapping[str, str] | None = None
) -> bytes:
    """Return the same as a message on stream `LATEST` holds it."""
    return snappy_block.compress(request(*series, types=types))


def metric(name: str, **labels: str) -> dict[str, str]:
    """Return labels with the name among them."""
    return {"__name__": name, **labels}


def values(
    found: Sequence[tuple[Mapping[str, str], float]],
) -> dict[frozenset[tuple[str, str]], float]:
    """Return values by labels, and refuse a series that is there twice."""
    by_labels = {frozenset(labels.items()): value for labels, value in found}
    if len(by_labels) < len(found):
        raise AssertionError("a series is there twice")
    return by_labels
