"""What a push holds, in whatever format it came: rows of encoded labels, value and timestamp; pure.

Values are moved, never computed with: a row holds the eight bytes of a double, or a whole native
histogram, and the bytes of its timestamp's varint. Only what was flattened is written anew.
"""

from dataclasses import dataclass, field
from enum import IntEnum

from tenantry_common import protowire, remote_write

NAME = "__name__"

type Row = tuple[bytes, bytes, bytes]
"""Encoded `Label` fields, value, timestamp: a varint of milliseconds, empty for none."""


class MetricType(IntEnum):
    """Types of metrics, by the numbers of `prometheus.MetricMetadata.MetricType`."""

    UNKNOWN = 0
    COUNTER = 1
    GAUGE = 2
    HISTOGRAM = 3
    GAUGE_HISTOGRAM = 4
    SUMMARY = 5
    INFO = 6
    STATESET = 7


@dataclass(slots=True)
class Group:
    """Rows that stand together: of one metric family and name, or of one remote write."""

    family: str = ""
    """Name of the metric family; empty where the labels hold the name."""
    name: bytes = b""
    """Encoded label `__name__` of all rows; empty where their labels hold it."""
    type: MetricType = MetricType.UNKNOWN
    rows: list[Row] = field(default_factory=list)
    """Floats: a value is the eight bytes of a double, as both wire formats have it."""
    natives: list[Row] = field(default_factory=list)
    """Native histograms: a value is a `prometheus.Histogram` without its timestamp."""
    ordered: bool = True
    """Whether timestamps must not decrease from row to row."""


def name_label(name: bytes) -> bytes:
    """Return the encoded label `__name__` of a metric."""
    return label(NAME.encode(), name)


def label(name: bytes, value: bytes) -> bytes:
    """Return one encoded `Label` field."""
    inner = protowire.delimited(1, name) + protowire.delimited(2, value)
    return protowire.delimited(remote_write.LABEL, inner)


def sample(value: bytes, stamp: bytes) -> bytes:
    """Return the `Sample` field of a row of floats."""
    return b"\x12%c\x09%b\x10%b" % (10 + len(stamp), value, stamp)


def native(value: bytes, stamp: bytes) -> bytes:
    """Return the `Histogram` field of a row of native histograms."""
    return protowire.delimited(remote_write.HISTOGRAM, value + b"\x78" + stamp)
