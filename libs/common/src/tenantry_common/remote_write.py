"""Remote write 1.0 requests as bytes: walk, count, split, join and rebuild; pure.

A `WriteRequest` is a row of `TimeSeries` fields, and a `TimeSeries` is its labels followed by its
samples, so everything that only moves samples can work on positions: the bits of a value are never
interpreted, whatever NaN they hold, and native histograms travel like samples. Any slice of whole
`TimeSeries` fields is again a valid request, and so is the concatenation of requests.

Field numbers are those of `prompb/remote.proto` and `prompb/types.proto` (see `proto/`).
"""

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from tenantry_common import errors, protowire

SERIES = 1
"""`WriteRequest.timeseries`, and by the same number `QueryResult.timeseries` of remote read."""
LABEL = 1
SAMPLE = 2
HISTOGRAM = 4
STALE = bytes.fromhex("020000000000f07f")
"""The value of a stale marker, IEEE 754, little endian: a NaN of its own."""
_LABEL_NAME = 1
_LABEL_VALUE = 2
_SAMPLE_TIMESTAMP = 2
_HISTOGRAM_TIMESTAMP = 15

_SERIES_TAG = protowire.tag(SERIES, protowire.DELIMITED)
_LABEL_TAG = LABEL << 3 | protowire.DELIMITED
_HEADS = tuple(_SERIES_TAG + protowire.varint(size) for size in range(2048))


class Span(NamedTuple):
    """Where a series stands: `data[entry:end]` is a request of its own, `data[start:end]` its
    `TimeSeries` message."""

    entry: int
    start: int
    end: int


class Counts(NamedTuple):
    """What a request holds; a native histogram counts as one sample."""

    series: int
    samples: int


def series(request: protowire.Buffer) -> Iterator[Span]:
    """Yield the series of a request; other fields (metadata) are passed over."""
    for field in protowire.fields(request, 0, len(request)):
        if field.number == SERIES:
            yield Span(field.entry, field.start, field.end)


def labels_end(data: protowire.Buffer, start: int, end: int) -> int:
    """Return where the labels of the `TimeSeries` at `data[start:end]` end and its samples begin.

    Protocol buffers allow a label behind a sample, which nobody writes. It would count as a sample
    here: whoever copies samples from an untrusted sender uses `cut`, which leaves it out.
    """
    position = start
    while position < end and data[position] == _LABEL_TAG:
        if position + 1 < end and (length := data[position + 1]) < 0x80:  # nearly always
            position += 2 + length
        else:
            length, position = protowire.read_varint(data, position + 1, end)
            position += length
    if position > end:
        raise errors.Undecodable(f"position {start}: label does not fit its series")
    return position


def decode_labels(label_bytes: bytes) -> dict[str, str]:
    """Return the labels whose `Label` fields stand one behind the other in `label_bytes`.

    An empty value means that the label is absent. Raises `errors.Undecodable`, also for a name
    that stands there twice.
    """
    labels: dict[str, str] = {}
    size = len(label_bytes)
    position = 0
    while position < size:
        if label_bytes[position] != _LABEL_TAG:
            raise errors.Undecodable(f"position {position}: something else among labels")
        length, start = protowire.read_varint(label_bytes, position + 1, size)
        end = start + length
        if end > size:
            raise errors.Undecodable(f"position {position}: label does not fit its series")
        try:
            name, value = _label(label_bytes[start:end])
        except errors.Undecodable as error:
            raise errors.Undecodable(f"position {position}: {error}") from error
        if name in labels:
            raise errors.Undecodable(f"label {name!r} stands there twice")
        labels[name] = value
        position = end
    return {name: value for name, value in labels.items() if value}


@functools.lru_cache(maxsize=1 << 16)
def _label(label: bytes) -> tuple[str, str]:
    """Return name and value of a `Label`; remembered, because series share most of their labels."""
    name = value = b""
    for field in protowire.fields(label, 0, len(label)):
        if field.number == _LABEL_NAME:
            name = label[field.start : field.end]
        elif field.number == _LABEL_VALUE:
            value = label[field.start : field.end]
    try:
        return name.decode(), value.decode()
    except UnicodeDecodeError as error:
        raise errors.Undecodable("label is not UTF-8") from error


def encode_labels(labels: Mapping[str, str]) -> bytes:
    """Return the `Label` fields of `labels`, sorted by name; empty values are left out."""
    return b"".join([_label_field(name, labels[name]) for name in sorted(labels) if labels[name]])


@functools.lru_cache(maxsize=1 << 16)
def _label_field(name: str, value: str) -> bytes:
    """Return one `Label` field; remembered, because series share most of their labels."""
    return protowire.delimited(
        LABEL,
        protowire.delimited(_LABEL_NAME, name.encode())
        + protowire.delimited(_LABEL_VALUE, value.encode()),
    )


def series_labels(data: bytes, span: Span) -> dict[str, str]:
    """Return the labels of one series of a request."""
    return decode_labels(data[span.start : labels_end(data, span.start, span.end)])


def time_series(label_bytes: bytes, sample_bytes: bytes) -> bytes:
    """Return a request of one series made of its encoded labels and encoded samples."""
    return series_head(label_bytes, len(sample_bytes)) + sample_bytes


def series_head(label_bytes: bytes, samples_size: int) -> bytes:
    """Return what stands before `samples_size` bytes of samples in a request."""
    size = len(label_bytes) + samples_size
    if size < len(_HEADS):  # nearly always
        return _HEADS[size] + label_bytes
    return _SERIES_TAG + protowire.varint(size) + label_bytes


def timestamps(data: protowire.Buffer, start: int, end: int) -> Iterator[tuple[Span, int]]:
    """Yield each sample and native histogram of `data[start:end]` with its timestamp in ms."""
    for field in protowire.fields(data, start, end):
        if field.number == SAMPLE:
            stamp = _timestamp(data, field, _SAMPLE_TIMESTAMP)
        elif field.number == HISTOGRAM:
            stamp = _timestamp(data, field, _HISTOGRAM_TIMESTAMP)
        else:
            continue
        yield Span(field.entry, field.start, field.end), stamp


def _timestamp(data: protowire.Buffer, sample: protowire.Field, number: int) -> int:
    """Return field `number` of a message, 0 when it was left out because it is zero."""
    stamp = 0
    for field in protowire.fields(data, sample.start, sample.end):
        if field.number == number and field.wire_type == protowire.VARINT:
            stamp = protowire.signed(protowire.read_varint(data, field.start, field.end)[0])
    return stamp


def first_and_last(data: protowire.Buffer, start: int, end: int) -> tuple[int, int] | None:
    """Return the smallest and largest timestamp of `data[start:end]`, None without samples."""
    stamps = [stamp for _, stamp in timestamps(data, start, end)]
    return (min(stamps), max(stamps)) if stamps else None


def cut(data: bytes, start: int, end: int, *, after: int, until: int) -> bytes:
    """Return the samples and histograms of `data[start:end]` with ``after < timestamp <= until``.

    Exemplars and unknown fields are left out: they cannot be placed in time.
    """
    return b"".join(
        data[span.entry : span.end]
        for span, stamp in timestamps(data, start, end)
        if after < stamp <= until
    )


def count(request: protowire.Buffer) -> Counts:
    """Return how many series and samples a request holds."""
    spans = samples = 0
    for span in series(request):
        spans += 1
        samples += count_samples(request, labels_end(request, span.start, span.end), span.end)
    return Counts(spans, samples)


def count_samples(data: protowire.Buffer, start: int, end: int) -> int:
    """Return how many samples and native histograms stand at `data[start:end]`."""
    return sum(field.number in (SAMPLE, HISTOGRAM) for field in protowire.fields(data, start, end))


def singles(request: bytes) -> list[bytes]:
    """Return one request for each series, in order."""
    return [request[span.entry : span.end] for span in series(request)]


def first_sample(request: bytes) -> tuple[bytes, bytes]:
    """Return a request with the first sample of a request of one series, and one with the others.

    The second is empty when there are no others. Samples and native histograms are taken in the
    order in which they stand.
    """
    [span] = series(request)
    middle = labels_end(request, span.start, span.end)
    fields = list(protowire.fields(request, middle, span.end))
    if len(fields) < 2:
        return request, b""
    labels, cut_at = request[span.start : middle], fields[0].end
    return (
        time_series(labels, request[middle:cut_at]),
        time_series(labels, request[cut_at : span.end]),
    )


def join_samples(requests: Sequence[bytes]) -> bytes:
    """Return one request of one series with the samples of all, which are of that same series."""
    if len(requests) == 1:
        return requests[0]
    samples: list[bytes] = []
    labels = b""
    for request in requests:
        [span] = series(request)
        middle = labels_end(request, span.start, span.end)
        labels = request[span.start : middle]
        samples.append(request[middle : span.end])
    return time_series(labels, b"".join(samples))


def halves(request: bytes) -> tuple[bytes, bytes]:
    """Return two requests with the first and the second half of the series.

    Raises ValueError for a request of fewer than two series: there is nothing to split.
    """
    parts = singles(request)
    if len(parts) < 2:
        raise ValueError("a request of fewer than two series cannot be split")
    middle = len(parts) // 2
    return join(parts[:middle]), join(parts[middle:])


def join(requests: Iterable[bytes]) -> bytes:
    """Return one request with the series of all, in order."""
    return b"".join(requests)
