"""Read what a message on stream `LATEST` holds: series with their newest samples; pure.

Labels stay encoded, one `Label` field each: most of them are shared with other series, so that each
format translates them once and remembers it.
"""

import functools
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from tenantry_common import errors, protowire, remote_write

NAME = "__name__"

_METADATA = 3
_METADATA_TYPE = 1
_METADATA_FAMILY = 2
_TYPES = {1: "counter", 2: "gauge", 3: "histogram", 5: "summary"}
_LABEL_TAG = remote_write.LABEL << 3 | protowire.DELIMITED
_NAME_HEAD = protowire.delimited(1, NAME.encode())
_PLAIN_HEAD = bytes((0x12, 16, 0x09))  # a Sample of 16 bytes that begins with its value
_HISTOGRAM_SUM = 3
_HISTOGRAM_STAMP = 15


class Row(NamedTuple):
    """The newest sample of one series."""

    name: str
    labels: tuple[bytes, ...]
    """The other labels, as encoded `Label` fields in their order."""
    stamp: int
    """Milliseconds since the epoch."""
    value: bytes
    """IEEE 754, little endian; of the sum where it is a native histogram."""
    histogram: bytes
    """The `Histogram` message of remote write, empty for a float."""

    @property
    def is_stale(self) -> bool:
        """Whether this sample says that the series has ended."""
        return self.value == remote_write.STALE

    @property
    def labels_by_name(self) -> dict[str, str]:
        """The labels, with the name."""
        return {NAME: self.name, **remote_write.decode_labels(b"".join(self.labels))}


def read(request: bytes) -> Iterator[tuple[bytes, Row]]:
    """Yield the series of a remote write 1.0 request, each by its encoded labels.

    A series without a name or sample has no place in any format and is left out. Raises
    `errors.Undecodable`.
    """
    for span in remote_write.series(request):
        name, labels, position, end = "", [], span.start, span.end
        while position < end and request[position] == _LABEL_TAG:
            length, start = request[position + 1], position + 2
            if length > 0x7F:  # rare: a long one
                length, start = protowire.read_varint(request, position + 1, end)
            label = request[position : start + length]
            position = start + length
            if not name and _NAME_HEAD in label:
                name = _name(label)
                if name:
                    continue
            labels.append(label)
        if position > end:
            raise errors.Undecodable(f"position {span.start}: label does not fit its series")
        newest = _newest(request, position, end)
        if name and newest is not None:
            yield request[span.start : position], Row(name, tuple(labels), *newest)


def types(request: bytes) -> dict[str, str]:
    """Return the type of each metric family that a request tells of in its metadata."""
    found: dict[str, str] = {}
    for entry in protowire.fields(request, 0, len(request)):
        if entry.number != _METADATA or entry.wire_type != protowire.DELIMITED:
            continue
        family, kind = b"", 0
        for field in protowire.fields(request, entry.start, entry.end):
            if field.number == _METADATA_TYPE and field.wire_type == protowire.VARINT:
                kind, _ = protowire.read_varint(request, field.start, field.end)
            elif field.number == _METADATA_FAMILY:
                family = request[field.start : field.end]
        if family and kind in _TYPES:
            found[family.decode(errors="replace")] = _TYPES[kind]
    return found


def family_of(name: str, known: Mapping[str, str]) -> str:
    """Return the metric family that series of this name belong to."""
    if name not in known:
        for suffix in ("_bucket", "_sum", "_count"):
            base = name.removesuffix(suffix)
            if base != name and known.get(base) in ("histogram", "summary"):
                return base
    return name


@functools.lru_cache(maxsize=1 << 14)
def _name(label: bytes) -> str:
    return remote_write.decode_labels(label).get(NAME, "")


@functools.lru_cache(maxsize=1 << 12)  # nearly all of a push are of one moment
def _plain_stamp(encoded: bytes) -> int:
    return protowire.signed(protowire.read_varint(encoded, 0, len(encoded))[0])


def _newest(data: bytes, start: int, end: int) -> tuple[int, bytes, bytes] | None:
    """Return time, bits and histogram of the newest sample; None when there is none."""
    # One sample of our time, as everybody writes it.
    if end - start == 18 and data.startswith(_PLAIN_HEAD, start) and data[start + 11] == 0x10:
        return _plain_stamp(data[start + 12 : end]), data[start + 3 : start + 11], b""
    newest: tuple[int, bytes, bytes] | None = None
    for field in protowire.fields(data, start, end):
        if field.number == remote_write.SAMPLE:
            found = (*_numbers(data, field, value=1, stamp=2), b"")
        elif field.number == remote_write.HISTOGRAM:
            numbers = _numbers(data, field, value=_HISTOGRAM_SUM, stamp=_HISTOGRAM_STAMP)
            found = (*numbers, data[field.start : field.end])
        else:
            continue
        if newest is None or found[0] >= newest[0]:
            newest = found
    return newest


def _numbers(data: bytes, sample: protowire.Field, *, value: int, stamp: int) -> tuple[int, bytes]:
    """Return time and value of a sample; a field that was left out is zero."""
    found, when = bytes(8), 0
    for field in protowire.fields(data, sample.start, sample.end):
        if field.number == value and field.wire_type == protowire.FIXED64:
            found = data[field.start : field.end]
        elif field.number == stamp and field.wire_type == protowire.VARINT:
            when = protowire.signed(protowire.read_varint(data, field.start, field.end)[0])
    return when, found
