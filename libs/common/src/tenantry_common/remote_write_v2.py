"""Remote write 2.0 requests as bytes, made from those of 1.0 and back; pure.

In 2.0 the labels are numbers that refer to a table of symbols, whose first is empty. Samples and
native histograms are the same messages in both, so they are copied unread. Exemplars and metadata,
which batches do not hold, are left out. Field numbers are those of `proto/remote_v2.proto`.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from tenantry_common import errors, protowire, remote_write

CONTENT_TYPE = "application/x-protobuf;proto=io.prometheus.write.v2.Request"
VERSION = "2.0.0"
"""Value of header `X-Prometheus-Remote-Write-Version`."""

_SYMBOL = 4
_SERIES = 5
_REFS = 1
_SAMPLE = 2
_HISTOGRAM = 3
_LABEL_TAG = remote_write.LABEL << 3 | protowire.DELIMITED
_V1_SERIES_TAG = remote_write.SERIES << 3 | protowire.DELIMITED
_USUAL_SAMPLE = 18  # bytes of a sample with a value other than 0, and a time between 2004 and 2109
_USUAL_TAGS = bytes((_SAMPLE << 3 | protowire.DELIMITED,))
_USUAL_SIZES = bytes((_USUAL_SAMPLE - 2,))
_VOTERS = 8
_LABEL_NAME = 1
_LABEL_VALUE = 2


type _Span = tuple[int, int]


class Converted(NamedTuple):
    """A request of remote write 2.0."""

    request: bytes
    samples: int
    histograms: int


class _Layout:
    """One table of symbols, and the series that were written with its numbers."""

    __slots__ = ("_labels", "_symbols", "expected", "members", "table")

    def __init__(self) -> None:
        self._symbols: dict[bytes, int] = {}
        self._labels: dict[bytes, bytes] = {}
        self.table: list[bytes] = []
        """The table's fields, in the order of their numbers."""
        self.members: list[_Entry] = []
        self.expected: list[_Entry] = [_END]
        """The series of the last request in its order, and an end mark."""
        self._number(b"")

    def write(self, labels: bytes) -> "_Entry":
        """Return a series whose `Label` fields stand one behind the other in `labels`."""
        found: list[bytes] = []
        known = self._labels
        position, end = 0, len(labels)
        while position < end:
            if (length := labels[position + 1]) < 0x80:  # nearly always
                position += 2
            else:
                length, position = protowire.read_varint(labels, position + 1, end)
            label = labels[position : position + length]
            position += length
            found.append(known.get(label) or self._label(label))
        entry = _Entry(labels, protowire.delimited(_REFS, b"".join(found)), self)
        self.members.append(entry)
        return entry

    def _label(self, label: bytes) -> bytes:
        parts = {_LABEL_NAME: b"", _LABEL_VALUE: b""}
        for field in protowire.fields(label, 0, len(label)):
            parts[field.number] = label[field.start : field.end]
        numbers = (self._number(parts[number]) for number in (_LABEL_NAME, _LABEL_VALUE))
        refs = self._labels[label] = b"".join(map(protowire.varint, numbers))
        return refs

    def _number(self, symbol: bytes) -> int:
        found = self._symbols.setdefault(symbol, len(self._symbols))
        if found == len(self.table):
            self.table.append(protowire.delimited(_SYMBOL, symbol))
        return found


class _Entry:
    """One series, with its labels as they stand in 1.0 and as numbers of a layout."""

    __slots__ = ("labels", "layout", "place", "refs", "size")

    def __init__(self, labels: bytes, refs: bytes, layout: _Layout | None) -> None:
        self.labels = labels
        self.size = len(labels)
        self.refs = refs
        self.layout = layout
        self.place = -1
        """Where its layout expects it; -1: nowhere."""


_END = _Entry(b"\xff", b"", None)  # equals no series: no label begins with this byte


class Converter:
    """Converts requests, and remembers how the labels of their series are written in 2.0.

    Requests of a shard hold about the same series again and again, in the same order. So a request
    is written with the table of one before it, if most of its series were in that; each series is
    compared with the one that is expected next, and only a new one has its labels taken apart. A
    table that has become too large for its requests is begun anew.
    """

    def __init__(self, limit: int = 0) -> None:
        """Remember at most `limit` series, some 700 bytes each."""
        self._limit = limit
        self._entries: dict[bytes, _Entry] = {}
        self._layouts: dict[_Layout, None] = {}  # the one that was used last stands last

    def from_v1(self, request: bytes) -> Converted:
        """Return a 1.0 request as a 2.0 request. Raises `errors.Undecodable`."""
        spans = _spans(request)
        layout = self._layout(request, spans)
        out: list[bytes] = []
        samples, histograms, seen = self._convert(request, spans, layout, out)
        self._remember(layout, seen)
        return Converted(b"".join(layout.table) + b"".join(out), samples, histograms)

    def _layout(self, request: bytes, spans: Sequence[_Span]) -> _Layout:
        """Return the layout that knows most of a few of the series, or a new one."""
        votes: Counter[_Layout] = Counter()
        for start, stop in spans[:: max(1, len(spans) // _VOTERS)]:
            labels = request[start : remote_write.labels_end(request, start, stop)]
            entry = self._entries.get(labels)
            if entry is not None and entry.layout is not None:
                votes[entry.layout] += 1
        return votes.most_common(1)[0][0] if votes else _Layout()

    def _convert(
        self,
        request: bytes,
        spans: Iterable[_Span],
        layout: _Layout,
        out: list[bytes],
    ) -> tuple[int, int, list[_Entry]]:
        """Append the series to `out`; return the samples and histograms, and the series.

        What happens to every series is written out here: a call costs as much as the step itself.
        """
        samples = histograms = place = 0
        seen: list[_Entry] = []
        expected = layout.expected
        for start, stop in spans:
            entry = expected[place]
            begin = start + entry.size
            # A label behind those that are expected makes it another series.
            if (
                begin < stop
                and request.startswith(entry.labels, start)
                and request[begin] != _LABEL_TAG
            ):
                place += 1
            else:
                begin = remote_write.labels_end(request, start, stop)
                entry = self._find(request[start:begin], layout)
                if entry.place >= 0:
                    place = entry.place + 1
            seen.append(entry)
            values = request[begin:stop]
            if (
                len(values) % _USUAL_SAMPLE == 0
                and not values[::_USUAL_SAMPLE].strip(_USUAL_TAGS)
                and not values[1::_USUAL_SAMPLE].strip(_USUAL_SIZES)
            ):  # samples of the usual size and nothing else, which is nearly always so
                samples += len(values) // _USUAL_SAMPLE
            else:
                values, plain, native = _values(request, begin, stop)
                samples += plain
                histograms += native
            size = len(entry.refs) + len(values)
            out += (_HEADS[size] if size < len(_HEADS) else _head(size), entry.refs, values)
        return samples, histograms, seen

    def _find(self, labels: bytes, layout: _Layout) -> _Entry:
        entry = self._entries.get(labels)
        if entry is None or entry.layout is not layout:
            entry = self._entries[labels] = layout.write(labels)
        return entry

    def _remember(self, layout: _Layout, seen: list[_Entry]) -> None:
        """Expect the same series next time; forget what is too much."""
        if layout.expected[:-1] != seen:
            for entry in layout.expected[:-1]:
                entry.place = -1
            for place, entry in enumerate(seen):
                entry.place = place
            layout.expected = [*seen, _END]
        self._layouts.pop(layout, None)
        if len(layout.members) > 2 * len(seen) + _VOTERS:
            self._forget(layout)
        else:
            self._layouts[layout] = None
        while self._layouts and len(self._entries) > self._limit:
            oldest = next(iter(self._layouts))
            del self._layouts[oldest]
            self._forget(oldest)

    def _forget(self, layout: _Layout) -> None:
        for entry in layout.members:
            if self._entries.get(entry.labels) is entry:
                del self._entries[entry.labels]


def from_v1(request: bytes) -> Converted:
    """Return a 1.0 request as a 2.0 request. Raises `errors.Undecodable`."""
    return Converter().from_v1(request)


def _spans(request: bytes) -> list[_Span]:
    """Return where the `TimeSeries` messages of a 1.0 request stand; other fields are passed over."""
    found: list[_Span] = []
    position, end = 0, len(request)
    while position < end:
        if request[position] == _V1_SERIES_TAG:
            length, start = protowire.read_varint(request, position + 1, end)
            stop = start + length
            if stop > end:
                raise errors.Undecodable(f"position {position}: series does not fit its request")
            found.append((start, stop))
            position = stop
        else:
            position = next(protowire.fields(request, position, end)).end
    return found


def _head(size: int) -> bytes:
    """Return what stands before a series of `size` bytes."""
    return protowire.tag(_SERIES, protowire.DELIMITED) + protowire.varint(size)


_HEADS = tuple(map(_head, range(2048)))


def _values(request: bytes, start: int, end: int) -> tuple[bytes, int, int]:
    """Return samples and histograms as fields of 2.0, and how many they are."""
    values: list[bytes] = []
    native: list[bytes] = []
    for field in protowire.fields(request, start, end):
        if field.number == remote_write.SAMPLE:
            values.append(request[field.entry : field.end])  # the same field in both
        elif field.number == remote_write.HISTOGRAM:
            native.append(protowire.delimited(_HISTOGRAM, request[field.start : field.end]))
        elif field.number == remote_write.LABEL:
            raise errors.Undecodable(f"position {field.entry}: a label behind samples")
    return b"".join((*values, *native)), len(values), len(native)


def to_v1(request: bytes) -> bytes:
    """Return a 2.0 request as a 1.0 request. Raises `errors.Undecodable`."""
    symbols: list[bytes] = []
    series: list[protowire.Field] = []
    for field in protowire.fields(request, 0, len(request)):
        if field.number == _SYMBOL:
            symbols.append(request[field.start : field.end])
        elif field.number == _SERIES:
            series.append(field)
    if symbols[:1] != [b""]:
        raise errors.Undecodable("the first symbol is not empty")
    return b"".join(_series_to_v1(request, field, symbols) for field in series)


def _series_to_v1(request: bytes, series: protowire.Field, symbols: list[bytes]) -> bytes:
    refs: list[int] = []
    values: list[bytes] = []
    for field in protowire.fields(request, series.start, series.end):
        if field.number == _REFS:
            refs.extend(_numbers(request, field))
        elif field.number == _SAMPLE:
            values.append(request[field.entry : field.end])
        elif field.number == _HISTOGRAM:
            message = request[field.start : field.end]
            values.append(protowire.delimited(remote_write.HISTOGRAM, message))
    if len(refs) % 2 or any(ref >= len(symbols) for ref in refs):
        raise errors.Undecodable(f"position {series.entry}: labels refer to no symbol")
    labels = (
        protowire.delimited(
            remote_write.LABEL,
            protowire.delimited(_LABEL_NAME, symbols[name])
            + protowire.delimited(_LABEL_VALUE, symbols[value]),
        )
        for name, value in zip(refs[::2], refs[1::2], strict=True)
    )
    return remote_write.time_series(b"".join(labels), b"".join(values))


def _numbers(request: bytes, field: protowire.Field) -> Iterator[int]:
    """Yield what a repeated number holds, packed or not."""
    position = field.start
    while position < field.end:
        number, position = protowire.read_varint(request, position, field.end)
        yield number
