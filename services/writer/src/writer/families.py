"""Batches as uploads to a telemeter server: delimited `MetricFamily` messages; pure.

A `MetricFamily` has one value and one timestamp for each metric, so a series becomes as many metrics
as it has samples, and an upload may hold any number of them: its unit is the sample. Inside a family
the server demands timestamps that do not decrease. It refuses an upload as a whole for one sample
that it does not take, so what it would refuse is found here first.

Label bytes are the same in both formats (`LabelPair` and `Label`), and so are the bits of a value,
which are copied. Values are always written: proto2 tells 0 from nothing.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from tenantry_common import errors, protowire, remote_write
from writer import outcome

CONTENT_TYPE = (
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
)
LONGEST = 255
"""Bytes of a metric's name, of a label's name and of its value."""

_NAME = "__name__"
_FAMILY_NAME, _FAMILY_TYPE, _FAMILY_METRIC = 1, 3, 4
_METRIC_TIMESTAMP = 6
_METADATA, _METADATA_TYPE, _METADATA_NAME = 3, 1, 2
_SAMPLE_VALUE, _SAMPLE_TIMESTAMP = 1, 2
_NO_BITS = b"\0" * 8
_LENGTH_BYTES = 5  # of the length before a family, at most


class Kind(NamedTuple):
    """A metric's type: its number in `MetricType`, and the field of `Metric` that holds its value."""

    number: int
    field: int


_COUNTER = Kind(0, 3)
_GAUGE = Kind(1, 2)
UNTYPED = Kind(3, 5)
_KINDS = {1: _COUNTER, 2: _GAUGE}
"""By the number in remote write's metadata. All others have their samples under other names."""


class Sample(NamedTuple):
    """One sample of an upload."""

    name: str
    kind: Kind
    series: bytes
    """The labels that it has in the batch."""
    stamp: int
    """Milliseconds."""
    bits: bytes
    """The value, eight bytes."""
    metric: bytes
    """The field `MetricFamily.metric` that it becomes."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What a batch holds for a telemeter server."""

    samples: tuple[Sample, ...]
    """The first of each series, then the second of each, and so on: any stretch holds as few samples
    of one series as can be, and those in order of time."""
    unfit: tuple[outcome.LeftOut, ...]


def read(request: bytes, stamped: Mapping[str, str]) -> Reading:
    """Return the samples of a batch with the labels `stamped` on every series.

    Stamping can make two series equal; the first keeps its place. Raises `errors.Undecodable`.
    """
    kinds = _kinds(request)
    rounds: list[list[Sample]] = []
    unfit: list[outcome.LeftOut] = []
    first_of: dict[bytes, bytes] = {}
    for span in remote_write.series(request):
        middle = remote_write.labels_end(request, span.start, span.end)
        source = request[span.start : middle]
        labels = {**remote_write.decode_labels(source), **stamped}
        encoded = remote_write.encode_labels(labels)
        reason = _reason(labels)
        if not reason and first_of.setdefault(encoded, source) != source:
            reason = "equals another series once it carries the labels that the server demands"
        if not reason and any(
            field.number == remote_write.HISTOGRAM
            for field in protowire.fields(request, middle, span.end)
        ):
            reason = "native histograms have no place in a telemeter upload"
        if reason:
            one = request[span.entry : span.end]
            unfit.append(outcome.LeftOut(request=one, reason=reason, cause="invalid"))
            continue
        name = labels.pop(_NAME)
        kind = kinds.get(name, UNTYPED)
        own = remote_write.encode_labels(labels)
        for number, (stamp, bits) in enumerate(_points(request, middle, span.end)):
            if number == len(rounds):
                rounds.append([])
            metric = _metric(own, kind, stamp, bits)
            rounds[number].append(Sample(name, kind, source, stamp, bits, metric))
    return Reading(samples=tuple(itertools.chain(*rounds)), unfit=tuple(unfit))


def pack(
    samples: Sequence[Sample], limit: int, *, one_each: bool = False
) -> tuple[bytes, Sequence[Sample]]:
    """Return an upload of the first `samples`, and which these are: what fits `limit` bytes.

    One is taken even if it alone is larger. `one_each`: no more than one of each series.
    """
    families: dict[tuple[str, Kind], list[Sample]] = {}
    series: set[bytes] = set()
    size = taken = 0
    for sample in samples:
        key = sample.name, sample.kind
        grows = len(sample.metric)
        if key not in families:
            grows += _LENGTH_BYTES + len(_head(sample))
        if taken and (size + grows > limit or (one_each and sample.series in series)):
            break
        series.add(sample.series)
        families.setdefault(key, []).append(sample)
        size += grows
        taken += 1
    return b"".join(map(_family, families.values())), samples[:taken]


def left_out(samples: Sequence[Sample], reason: str) -> tuple[outcome.LeftOut, ...]:
    """Return samples that come too late as series, to be told of."""
    by_series: dict[bytes, list[bytes]] = {}
    for sample in samples:
        value = protowire.tag(_SAMPLE_VALUE, protowire.FIXED64) + sample.bits
        stamp = protowire.tag(_SAMPLE_TIMESTAMP, protowire.VARINT) + protowire.varint(sample.stamp)
        encoded = protowire.delimited(remote_write.SAMPLE, value + stamp)
        by_series.setdefault(sample.series, []).append(encoded)
    return tuple(
        outcome.LeftOut(
            request=remote_write.time_series(labels, b"".join(found)), reason=reason, cause="time"
        )
        for labels, found in by_series.items()
    )


def _family(samples: Sequence[Sample]) -> bytes:
    ordered = sorted(samples, key=lambda sample: sample.stamp)  # stable
    body = _head(samples[0]) + b"".join([sample.metric for sample in ordered])
    return protowire.varint(len(body)) + body


def _head(sample: Sample) -> bytes:
    kind = protowire.tag(_FAMILY_TYPE, protowire.VARINT) + protowire.varint(sample.kind.number)
    return protowire.delimited(_FAMILY_NAME, sample.name.encode()) + kind


def _metric(labels: bytes, kind: Kind, stamp: int, bits: bytes) -> bytes:
    value = protowire.delimited(kind.field, protowire.tag(1, protowire.FIXED64) + bits)
    at = protowire.tag(_METRIC_TIMESTAMP, protowire.VARINT) + protowire.varint(stamp)
    return protowire.delimited(_FAMILY_METRIC, labels + value + at)


def _reason(labels: Mapping[str, str]) -> str:
    """Return why the server would refuse an upload with such a series, empty if it would not."""
    if not labels.get(_NAME):
        return "a series without a name has no place in a metric family"
    if any(len(text.encode()) > LONGEST for item in labels.items() for text in item):
        return f"a name or a value is longer than {LONGEST} bytes"
    return ""


def _points(data: bytes, start: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Yield timestamp and value bits of each sample, in the order in which they stand."""
    for field in protowire.fields(data, start, end):
        if field.number != remote_write.SAMPLE:
            continue
        stamp, bits = 0, _NO_BITS
        for part in protowire.fields(data, field.start, field.end):
            if part.number == _SAMPLE_VALUE and part.wire_type == protowire.FIXED64:
                bits = data[part.start : part.end]
            elif part.number == _SAMPLE_TIMESTAMP and part.wire_type == protowire.VARINT:
                stamp = protowire.signed(protowire.read_varint(data, part.start, part.end)[0])
        yield stamp, bits


def _kinds(request: bytes) -> dict[str, Kind]:
    """Return the types that the batch's metadata tell, by metric name."""
    found: dict[str, Kind] = {}
    for field in protowire.fields(request, 0, len(request)):
        if field.number != _METADATA:
            continue
        number, name = 0, b""
        for part in protowire.fields(request, field.start, field.end):
            if part.number == _METADATA_TYPE and part.wire_type == protowire.VARINT:
                number = protowire.read_varint(request, part.start, part.end)[0]
            elif part.number == _METADATA_NAME:
                name = request[part.start : part.end]
        if number in _KINDS:
            try:
                found[name.decode()] = _KINDS[number]
            except UnicodeDecodeError as error:
                raise errors.Undecodable("a metric's name is not UTF-8") from error
    return found
