"""Read the rows of a remote write request, 1.0 as it is and 2.0 by way of 1.0; pure."""

from tenantry_common import errors, protowire, remote_write, remote_write_v2
from tenantry_common.pushed import Group, MetricType, Row

_METADATA = 3
_USUAL_SAMPLE = b"\x12\x10\x09"
_USUAL_SIZE = 18
_STAMP_TAG = 0x10
_HISTOGRAM_STAMP = 15
_ZERO = bytes(8)


def read(request: bytes) -> tuple[Group, dict[str, MetricType]]:
    """Return the rows of a 1.0 request, and the types of metrics that it tells.

    Raises `errors.Undecodable` with the position.
    """
    group = Group(ordered=False)
    types: dict[str, MetricType] = {}
    for field in protowire.fields(request, 0, len(request)):
        if field.wire_type != protowire.DELIMITED:
            continue
        if field.number == remote_write.SERIES:
            _series(request, field.start, field.end, group)
        elif field.number == _METADATA:
            _metadata(request, field, types)
    return group, types


def read_v2(request: bytes) -> tuple[Group, dict[str, MetricType]]:
    """Return the rows of a 2.0 request. Raises `errors.Undecodable`."""
    return read(remote_write_v2.to_v1(request))


def _series(data: bytes, start: int, end: int, group: Group) -> None:
    middle = remote_write.labels_end(data, start, end)
    labels = data[start:middle]
    usual = end - middle == _USUAL_SIZE and data[middle : middle + 3] == _USUAL_SAMPLE
    if (
        usual
        and data[end - 7] == _STAMP_TAG
        and data[end - 1] < 0x80
        and min(data[end - 6 : end - 1]) >= 0x80
    ):
        group.rows.append((labels, data[middle + 3 : middle + 11], data[end - 6 : end]))
        return
    for field in protowire.fields(data, middle, end):
        if field.wire_type != protowire.DELIMITED:
            continue
        if field.number == remote_write.SAMPLE:
            group.rows.append(_sample(labels, data, field))
        elif field.number == remote_write.HISTOGRAM:
            group.natives.append(_native(labels, data, field))
        elif field.number == remote_write.LABEL:
            raise errors.Undecodable(f"position {field.entry}: a label behind samples")


def _sample(labels: bytes, data: bytes, sample: protowire.Field) -> Row:
    value, stamp = _ZERO, b"\0"
    for field in protowire.fields(data, sample.start, sample.end):
        if field.number == 1 and field.wire_type == protowire.FIXED64:
            value = data[field.start : field.end]
        elif field.number == 2 and field.wire_type == protowire.VARINT:
            stamp = data[field.start : field.end]
    return labels, value, stamp


def _native(labels: bytes, data: bytes, histogram: protowire.Field) -> Row:
    kept: list[bytes] = []
    stamp = b"\0"
    for field in protowire.fields(data, histogram.start, histogram.end):
        if field.number == _HISTOGRAM_STAMP and field.wire_type == protowire.VARINT:
            stamp = data[field.start : field.end]
        else:
            kept.append(data[field.entry : field.end])
    return labels, b"".join(kept), stamp


def _metadata(data: bytes, metadata: protowire.Field, types: dict[str, MetricType]) -> None:
    name, kind = b"", 0
    for field in protowire.fields(data, metadata.start, metadata.end):
        if field.number == 1 and field.wire_type == protowire.VARINT:
            kind, _ = protowire.read_varint(data, field.start, field.end)
        elif field.number == 2 and field.wire_type == protowire.DELIMITED:
            name = data[field.start : field.end]
    try:
        if kind in MetricType.__members__.values():
            types[name.decode()] = MetricType(kind)
    except UnicodeDecodeError as error:
        raise errors.Undecodable(f"position {metadata.entry}: name is not UTF-8") from error
