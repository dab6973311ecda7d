"""Read `io.prometheus.client.MetricFamily` messages, each behind its length; pure.

The bytes of labels, values and timestamps are cut out, not decoded: `LabelPair` and the `Label` of
remote write have the same bytes, and so have the doubles and the timestamps. What nearly every metric
looks like (labels, one value, a timestamp of our time) is taken in one go; anything else is walked
field by field. Field numbers are those of `proto/metrics.proto`.
"""

from tenantry_common import errors, metric_histograms, protowire, pushed
from tenantry_common.pushed import Group, MetricType

CONTENT_TYPE = "application/vnd.google.protobuf"
PROTO = "io.prometheus.client.MetricFamily"
ENCODING = "delimited"

_NAME, _TYPE, _METRIC = 1, 3, 4
_METRIC_TAG = _METRIC << 3 | protowire.DELIMITED
_LABEL, _GAUGE, _COUNTER, _SUMMARY, _UNTYPED, _TIMESTAMP, _HISTOGRAM = 1, 2, 3, 4, 5, 6, 7
_LABEL_TAG = _LABEL << 3 | protowire.DELIMITED
_TIMESTAMP_TAG = _TIMESTAMP << 3
_VALUES = (_GAUGE, _COUNTER, _UNTYPED)
_USUAL_VALUES = frozenset(bytes((n << 3 | protowire.DELIMITED, 9, 9)) for n in _VALUES)
_USUAL_STAMP = 6  # bytes of a time between 2004 and 2109
_USUAL_TAIL = 3 + 8 + 1 + _USUAL_STAMP
_NO_VALUE = bytes(8)

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
    known: set[bytes] = set()
    position, end = 0, len(data)
    while position < end:
        length, start = protowire.read_varint(data, position, end)
        if start + length > end:
            raise errors.Undecodable(f"position {position}: family does not fit the body")
        position = start + length
        groups += _Family(data, start, position, known).groups()
    return groups


class _Family:
    """One family while it is read."""

    def __init__(self, data: bytes, start: int, end: int, known: set[bytes]) -> None:
        self._data = data
        self._known = known
        """Timestamps, as bytes, of which it is known that they are whole varints."""
        self._name = b""
        self._type = MetricType.COUNTER  # proto2: the first value of the enum
        self._group = Group()
        self._more: dict[bytes, Group] = {}
        self._read(start, end)

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

    def _read(self, start: int, end: int) -> None:
        data, rows, known = self._data, self._group.rows, self._known
        position = start
        while position < end:
            if data[position] != _METRIC_TAG:
                position = self._other(position, end)
                continue
            if position + 2 < end and data[position + 1] >= 0x80 > data[position + 2]:
                first = position + 3  # nearly always: from 128 to 16,383 bytes
                stop = first + (data[position + 1] & 0x7F | data[position + 2] << 7)
            else:
                length, first = protowire.read_varint(data, position + 1, end)
                stop = first + length
            if stop > end:
                raise errors.Undecodable(f"position {position}: metric does not fit its family")
            at = first
            while at < stop and data[at] == _LABEL_TAG:
                if at + 1 < stop and (size := data[at + 1]) < 0x80:  # nearly always
                    at += 2 + size
                else:
                    size, at = protowire.read_varint(data, at + 1, stop)
                    at += size
            position = stop
            if stop - at == _USUAL_TAIL and data[stop - 7] == _TIMESTAMP_TAG:
                stamp = data[stop - _USUAL_STAMP : stop]
                if data[at : at + 3] in _USUAL_VALUES and (stamp in known or self._whole(stamp)):
                    rows.append((data[first:at], data[at + 3 : at + 11], stamp))
                    continue
            self._metric(first, stop)

    def _whole(self, stamp: bytes) -> bool:
        """Return whether `stamp` is one varint, and remember that."""
        if any(byte < 0x80 for byte in stamp[:-1]) or stamp[-1] >= 0x80:
            return False
        self._known.add(stamp)
        return True

    def _other(self, position: int, end: int) -> int:
        """Read a field that is no metric; return where it ends."""
        field = next(protowire.fields(self._data, position, end))
        if field.number == _NAME and field.wire_type == protowire.DELIMITED:
            self._name = self._data[field.start : field.end]
        elif field.number == _TYPE and field.wire_type == protowire.VARINT:
            number, _ = protowire.read_varint(self._data, field.start, field.end)
            self._type = _TYPES.get(number, MetricType.UNKNOWN)
        return field.end

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
