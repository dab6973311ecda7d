"""Read `io.prometheus.client.MetricFamily` messages, each behind its length; pure.

The bytes of labels, values and timestamps are cut out, not decoded: `LabelPair` and the `Label` of
remote write have the same bytes, and so have the doubles and the timestamps. What nearly every metric
looks like (labels, one value, a timestamp of our time) is taken in one go; anything else is walked
field by field. Field numbers are those of `proto/metrics.proto`.
"""

import functools

from tenantry_common import errors, metric_histograms, protowire, pushed
from tenantry_common.pushed import Group, MetricType

CONTENT_TYPE = "application/vnd.google.protobuf"
PROTO = "io.prometheus.client.MetricFamily"
ENCODING = "delimited"

_NAME, _HELP, _TYPE, _METRIC = 1, 2, 3, 4
_METRIC_TAG = _METRIC << 3 | protowire.DELIMITED
_TYPE_TAG = _TYPE << 3 | protowire.VARINT
_HEAD_TAGS = (_NAME << 3 | protowire.DELIMITED, _HELP << 3 | protowire.DELIMITED, _TYPE_TAG)
_LABEL, _GAUGE, _COUNTER, _SUMMARY, _UNTYPED, _TIMESTAMP, _HISTOGRAM = 1, 2, 3, 4, 5, 6, 7
_LABEL_TAG = _LABEL << 3 | protowire.DELIMITED
_TIMESTAMP_TAG = _TIMESTAMP << 3
_VALUES = (_GAUGE, _COUNTER, _UNTYPED)
_USUAL_VALUES = frozenset(bytes((n << 3 | protowire.DELIMITED, 9, 9)) for n in _VALUES)
_USUAL_STAMP = 6  # bytes of a time between 2004 and 2109
_USUAL_TAIL = 3 + 8 + 1 + _USUAL_STAMP
_NO_VALUE = bytes(8)
_LONGEST_HEAD = 1024  # bytes; what is longer is not remembered

_TYPES = {
    0: MetricType.COUNTER,
    1: MetricType.GAUGE,
    2: MetricType.SUMMARY,
    3: MetricType.UNKNOWN,
    4: MetricType.HISTOGRAM,
    5: MetricType.GAUGE_HISTOGRAM,
}


def read(data: bytes) -> list[Group]:
    """Return the groups of all families. Raises `errors.Undecodable` with the position."""
    groups: list[Group] = []
    stamps: set[bytes] = set()
    position, end = 0, len(data)
    while position < end:
        length, start = protowire.read_varint(data, position, end)
        if start + length > end:
            raise errors.Undecodable(f"position {position}: family does not fit the body")
        position = start + length
        usual = _usual(data, start, position, stamps)
        if usual is None:
            groups += _Family(data, start, position).groups()
        elif usual.rows:
            groups.append(usual)
    return groups


def _usual(data: bytes, start: int, end: int, stamps: set[bytes]) -> Group | None:
    """Return a family whose name comes first and all of whose metrics look as usual, else None.

    `stamps`: timestamps of which it is known that they are whole varints.
    """
    position = start
    while position < end and data[position] in _HEAD_TAGS:
        if data[position] == _TYPE_TAG:
            position += 2
        else:
            length, position = protowire.read_varint(data, position + 1, end)
            position += length
    if position > end or position - start > _LONGEST_HEAD:
        return None
    if (head := _head(data[start:position])) is None:
        return None
    rows: list[pushed.Row] = []
    while position < end:
        if position + _USUAL_TAIL > end or data[position] != _METRIC_TAG:
            return None
        if (size := data[position + 1]) < 0x80:
            first = position + 2
        elif (more := data[position + 2]) < 0x80:
            first = position + 3
            size = size & 0x7F | more << 7
        else:
            return None
        stop = first + size
        at, tail = first, stop - _USUAL_TAIL
        if stop > end:
            return None
        while at < tail and data[at] == _LABEL_TAG and (size := data[at + 1]) < 0x80:
            at += 2 + size
        if at != tail or data[at : at + 3] not in _USUAL_VALUES or data[stop - 7] != _TIMESTAMP_TAG:
            return None
        stamp = data[stop - _USUAL_STAMP : stop]
        if stamp not in stamps:
            if any(byte < 0x80 for byte in stamp[:-1]) or stamp[-1] >= 0x80:
                return None
            stamps.add(stamp)
        rows.append((data[first:at], data[at + 3 : at + 11], stamp))
        position = stop
    return Group(*head, rows)


@functools.lru_cache(maxsize=1 << 12)
def _head(head: bytes) -> tuple[str, bytes, MetricType] | None:
    """Return name, encoded name and type of a family by what stands before its metrics.

    None for anything but these, once each. Remembered, because families come again.
    """
    try:
        fields = list(protowire.fields(head, 0, len(head)))
        values = {field.number: head[field.start : field.end] for field in fields}
        name = values.get(_NAME, b"")
        kind = _TYPES.get(values.get(_TYPE, b"\0")[0], MetricType.UNKNOWN)
        return (
            (name.decode(), pushed.name_label(name), kind) if len(values) == len(fields) else None
        )
    except (errors.Undecodable, UnicodeDecodeError):
        return None


class _Family:
    """One family of any shape, read field by field."""

    def __init__(self, data: bytes, start: int, end: int) -> None:
        self._data = data
        self._name = b""
        self._type = MetricType.COUNTER  # proto2: the first value of the enum
        self._group = Group()
        self._more: dict[bytes, Group] = {}
        for field in protowire.fields(data, start, end):
            self._take_field(field)

    def groups(self) -> list[Group]:
        """Return what was read: the plain series, and those of each suffix."""
        found = [self._named(self._group, b"")] if self._group.rows or self._group.natives else []
        return found + [self._named(group, suffix) for suffix, group in self._more.items()]

    def _named(self, group: Group, suffix: bytes) -> Group:
        try:
            group.family = self._name.decode()
        except UnicodeDecodeError as error:
            raise errors.Undecodable("the name of a family is not UTF-8") from error
        group.name = pushed.name_label(self._name + suffix)
        group.type = self._type
        return group

    def _take_field(self, field: protowire.Field) -> None:
        if field.number == _METRIC and field.wire_type == protowire.DELIMITED:
            self._metric(field.start, field.end)
        elif field.number == _NAME and field.wire_type == protowire.DELIMITED:
            self._name = self._data[field.start : field.end]
        elif field.number == _TYPE and field.wire_type == protowire.VARINT:
            number, _ = protowire.read_varint(self._data, field.start, field.end)
            self._type = _TYPES.get(number, MetricType.UNKNOWN)

    def _metric(self, start: int, end: int) -> None:
        """Read a metric of any shape."""
        data = self._data
        labels: list[bytes] = []
        stamp = b""
        values: dict[int, bytes] = {}
        for field in protowire.fields(data, start, end):
            if field.number == _LABEL and field.wire_type == protowire.DELIMITED:
                labels.append(data[field.entry : field.end])
            elif field.number == _TIMESTAMP and field.wire_type == protowire.VARINT:
                stamp = data[field.start : field.end]
            elif field.number <= _HISTOGRAM and field.wire_type == protowire.DELIMITED:
                # A message that comes in two pieces is the sum of both.
                values[field.number] = values.get(field.number, b"") + data[field.start : field.end]
        try:
            self._take(b"".join(labels), values, stamp)
        except errors.Undecodable as error:
            raise errors.Undecodable(f"position {start}: in this metric, {error}") from error

    def _take(self, labels: bytes, values: dict[int, bytes], stamp: bytes) -> None:
        for number, message in values.items():
            if number in _VALUES:
                self._group.rows.append((labels, _double(message), stamp))
            elif number == _SUMMARY:
                self._flattened(metric_histograms.summary(message), labels, stamp)
            elif number == _HISTOGRAM:
                self._flattened(metric_histograms.classic(message), labels, stamp)
                if (native := metric_histograms.native(message, self._type)) is not None:
                    self._group.natives.append((labels, native, stamp))

    def _flattened(self, parts: list[metric_histograms.Part], labels: bytes, stamp: bytes) -> None:
        for suffix, label, value in parts:
            group = self._more.setdefault(suffix, Group()) if suffix else self._group
            group.rows.append((labels + label, value, stamp))


def _double(message: bytes) -> bytes:
    """Return the bytes of field 1 of a Gauge, Counter or Untyped; those of 0 if it is not there."""
    value = _NO_VALUE
    for field in protowire.fields(message, 0, len(message)):
        if field.number == 1 and field.wire_type == protowire.FIXED64:
            value = message[field.start : field.end]
    return value
