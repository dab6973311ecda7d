"""The delimited protocol buffers of `io.prometheus.client.MetricFamily`, made from bytes; pure.

`LabelPair` and remote write's `Label` have identical bytes, and a native histogram has the same
fields under other numbers, so nothing is interpreted. Field numbers: `metrics.proto` of
prometheus/client_model and `types.proto` of Prometheus.
"""

import functools
from collections.abc import Iterable, Mapping, Sequence

from receiver.federate.formats import PROTOBUF, Key
from receiver.federate.rows import Row
from tenantry_common import protowire, remote_write
from tenantry_common import text_names as names

_KINDS = {"counter": (0, 3), "gauge": (1, 2), "untyped": (3, 5), "histogram": (4, 7)}
"""The number of the type, and the field of `Metric` that holds a value of it."""
_GAUGE_HISTOGRAM = 5
_STAMP = protowire.tag(6, protowire.VARINT)
_VALUE = protowire.tag(1, protowire.FIXED64)
_METRIC = protowire.tag(4, protowire.DELIMITED)
_SEPARATOR = "\x00"
_REMEMBERED = 1 << 17

# `Histogram` of remote write to `Histogram` of client_model.
_RENUMBERED = {
    1: 1,
    2: 4,
    3: 2,
    4: 5,
    5: 6,
    6: 7,
    7: 8,
    8: 9,
    9: 10,
    10: 11,
    11: 12,
    12: 13,
    13: 14,
}
_SPANS = frozenset((8, 11))
_RESET_HINT, _IS_GAUGE = 14, 3
_CUSTOM_BOUNDS = 16
_NO_BUCKETS = protowire.delimited(12, b"")
"""A span of no buckets: what tells a native histogram without observations from a classic one."""


class Protobuf:
    """`application/vnd.google.protobuf; …; encoding=delimited`.

    The parts of classic histograms and summaries are untyped series of their own, which read as
    the same series. Native histograms with custom bounds have no place in `MetricFamily`.
    """

    end = b""

    def __init__(self, *, utf8: bool) -> None:
        escaping = "allow-utf-8" if utf8 else "values"
        self.content_type = (
            f"{PROTOBUF}; proto=io.prometheus.client.MetricFamily; encoding=delimited; "
            f"escaping={escaping}"
        )
        self._utf8 = utf8

    def encode(self, rows: Iterable[Row], types: Mapping[str, str]) -> dict[Key, bytes]:
        """Return the metrics by name and type: a reader looks into one field only, by the type."""
        found: dict[Key, list[bytes]] = {}
        for row in rows:
            kind = types.get(row.name, "")
            kind = kind if kind in ("counter", "gauge") else "untyped"
            value = _VALUE + row.value
            if row.histogram:
                fields = list(protowire.fields(row.histogram, 0, len(row.histogram)))
                if any(field.number == _CUSTOM_BOUNDS for field in fields):
                    continue
                kind = "gauge histogram" if _is_gauge(row.histogram, fields) else "histogram"
                value = _histogram(row.histogram, fields)
            field = _KINDS[kind.removeprefix("gauge ")][1]
            labels = row.labels if self._utf8 else map(_escaped, row.labels)
            metric = b"".join(
                (*labels, protowire.delimited(field, value), _STAMP, protowire.varint(row.stamp))
            )
            key = Key(f"{row.name}{_SEPARATOR}{kind}", row.name)
            found.setdefault(key, []).append(_METRIC + protowire.varint(len(metric)) + metric)
        return {key: b"".join(metrics) for key, metrics in found.items()}

    def family(self, family: str, kind: str, chunks: Sequence[bytes]) -> list[bytes]:
        """Return the family, its length before it. The type is that under which it was encoded."""
        name, _, own = family.rpartition(_SEPARATOR)
        number = _GAUGE_HISTOGRAM if own == "gauge histogram" else _KINDS[own][0]
        head = protowire.delimited(1, (name if self._utf8 else names.plain_metric(name)).encode())
        head += protowire.tag(3, protowire.VARINT) + protowire.varint(number)
        size = len(head) + sum(map(len, chunks))
        return [protowire.varint(size) + head, *chunks]


@functools.lru_cache(maxsize=_REMEMBERED)  # most labels are those of other series as well
def _escaped(label: bytes) -> bytes:
    """Return an encoded label with a name that everybody reads."""
    labels = remote_write.decode_labels(label)
    return remote_write.encode_labels({names.plain_label(n): v for n, v in labels.items()})


def _is_gauge(data: bytes, fields: Iterable[protowire.Field]) -> bool:
    return any(
        field.number == _RESET_HINT and data[field.start : field.end] == bytes((_IS_GAUGE,))
        for field in fields
    )


def _histogram(data: bytes, fields: Sequence[protowire.Field]) -> bytes:
    written = [
        protowire.tag(_RENUMBERED[field.number], field.wire_type) + _body(data, field)
        for field in fields
        if field.number in _RENUMBERED
    ]
    if not any(field.number in _SPANS for field in fields):
        written.append(_NO_BUCKETS)
    return b"".join(written)


def _body(data: bytes, field: protowire.Field) -> bytes:
    """Return what stands behind the tag of a field, the length of delimited ones included."""
    value = data[field.start : field.end]
    delimited = field.wire_type == protowire.DELIMITED
    return protowire.varint(len(value)) + value if delimited else value
