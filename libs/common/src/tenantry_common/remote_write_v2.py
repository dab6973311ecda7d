"""Remote write 2.0 requests as bytes, made from those of 1.0 and back; pure.

In 2.0 the labels are numbers that refer to a table of symbols, whose first is empty. Samples and
native histograms are the same messages in both, so they are copied unread. Exemplars and metadata,
which batches do not hold, are left out. Field numbers are those of `proto/remote_v2.proto`.
"""

from collections.abc import Iterator
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
_SAMPLE_TAG = _SAMPLE << 3 | protowire.DELIMITED
_LABEL_NAME = 1
_LABEL_VALUE = 2


class Converted(NamedTuple):
    """A request of remote write 2.0."""

    request: bytes
    samples: int
    histograms: int


class _Symbols:
    """The table of one request, in the order in which symbols were first asked for."""

    def __init__(self) -> None:
        self._refs: dict[bytes, int] = {b"": 0}
        self._labels: dict[bytes, bytes] = {}

    def refs(self, request: bytes, start: int, end: int) -> bytes:
        """Return the encoded numbers of the labels of 1.0 that stand there."""
        found: list[bytes] = []
        known = self._labels
        while start < end:
            length, start = protowire.read_varint(request, start + 1, end)
            label = request[start : start + length]
            start += length
            found.append(known.get(label) or self._add(label))
        return b"".join(found)

    def _add(self, label: bytes) -> bytes:
        parts = {_LABEL_NAME: b"", _LABEL_VALUE: b""}
        for field in protowire.fields(label, 0, len(label)):
            parts[field.number] = label[field.start : field.end]
        numbers = (self._ref(parts[number]) for number in (_LABEL_NAME, _LABEL_VALUE))
        refs = self._labels[label] = b"".join(map(protowire.varint, numbers))
        return refs

    def _ref(self, symbol: bytes) -> int:
        return self._refs.setdefault(symbol, len(self._refs))

    def encoded(self) -> bytes:
        """Return the table's fields."""
        return b"".join(protowire.delimited(_SYMBOL, symbol) for symbol in self._refs)


def from_v1(request: bytes) -> Converted:
    """Return a 1.0 request as a 2.0 request. Raises `errors.Undecodable`."""
    symbols = _Symbols()
    entries: list[bytes] = []
    samples = histograms = 0
    for span in remote_write.series(request):
        middle = remote_write.labels_end(request, span.start, span.end)
        labels = symbols.refs(request, span.start, middle)
        plain = _plain_samples(request, middle, span.end)
        if plain is not None:
            values, counted = request[middle : span.end], (plain, 0)
        else:
            values, counted = _values(request, middle, span.end)
        samples += counted[0]
        histograms += counted[1]
        message = protowire.delimited(_REFS, labels) + values
        entries.append(protowire.delimited(_SERIES, message))
    return Converted(symbols.encoded() + b"".join(entries), samples, histograms)


def _plain_samples(request: bytes, start: int, end: int) -> int | None:
    """Return how many samples stand there if there is nothing else, which is nearly always so."""
    count = 0
    while start + 1 < end and request[start] == _SAMPLE_TAG and request[start + 1] < 0x80:
        start += 2 + request[start + 1]
        count += 1
    return count if start == end else None


def _values(request: bytes, start: int, end: int) -> tuple[bytes, tuple[int, int]]:
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
    return b"".join((*values, *native)), (len(values), len(native))


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
