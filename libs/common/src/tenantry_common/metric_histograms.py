"""Histograms and summaries of `io.prometheus.client`: flattened, or passed on as native ones; pure.

Values of the labels `le` and `quantile` are written as Prometheus writes them when it scrapes
protobuf (`1.0`, `+Inf`). A native histogram has the same fields in both formats under other numbers.
Field numbers are those of `proto/metrics.proto` and `proto/remote.proto`.
"""

import math
import struct
from collections.abc import Iterator
from decimal import Decimal

from tenantry_common import errors, protowire, pushed
from tenantry_common.protowire import DELIMITED, FIXED64, VARINT
from tenantry_common.pushed import MetricType

type Part = tuple[bytes, bytes, bytes]
"""Suffix of the name, one more encoded label or none, and the bytes of the value."""

_COUNT, _SUM, _BUCKET, _COUNT_FLOAT = 1, 2, 3, 4
_SCHEMA = 5
_NEGATIVE_SPAN, _POSITIVE_SPAN = 9, 12
_RENUMBERED = {
    1: 1,
    4: 2,
    2: 3,
    5: 4,
    6: 5,
    7: 6,
    8: 7,
    9: 8,
    10: 9,
    11: 10,
    12: 11,
    13: 12,
    14: 13,
}
"""Number in `io.prometheus.client.Histogram` → number in `prometheus.Histogram`."""
_RESET_HINT, _GAUGE_HINT = 14, 3
_SMALLEST_PLAIN_EXPONENT, _FIRST_LARGE_EXPONENT = -4, 6


def classic(message: bytes) -> list[Part]:
    """Return the series of a classic histogram; none for one that has no classic buckets.

    A histogram without native buckets has at least the bucket `+Inf`. Raises `errors.Undecodable`.
    """
    buckets: list[tuple[float, float]] = []
    count = total = 0.0
    native = False
    for field in protowire.fields(message, 0, len(message)):
        if field.number == _BUCKET and field.wire_type == DELIMITED:
            buckets.append(_bucket(message[field.start : field.end]))
        elif field.number == _COUNT and field.wire_type == VARINT:
            count = count or float(protowire.read_varint(message, field.start, field.end)[0])
        elif field.number == _COUNT_FLOAT and field.wire_type == FIXED64:
            count = _float(message, field.start) or count
        elif field.number == _SUM and field.wire_type == FIXED64:
            total = _float(message, field.start)
        elif field.number in (_SCHEMA, _NEGATIVE_SPAN, _POSITIVE_SPAN):
            native = True
    if native and not buckets:
        return []
    if not any(bound == math.inf for bound, _ in buckets):
        buckets.append((math.inf, count))
    return [
        *(
            (b"_bucket", _bound("le", bound), struct.pack("<d", number))
            for bound, number in buckets
        ),
        (b"_sum", b"", struct.pack("<d", total)),
        (b"_count", b"", struct.pack("<d", count)),
    ]


def summary(message: bytes) -> list[Part]:
    """Return the series of a summary. Raises `errors.Undecodable`."""
    parts: list[Part] = []
    count, total = 0.0, bytes(8)
    for field in protowire.fields(message, 0, len(message)):
        if field.number == 3 and field.wire_type == DELIMITED:
            found = _doubles(message[field.start : field.end])
            quantile = struct.unpack("<d", found.get(1, bytes(8)))[0]
            parts.append((b"", _bound("quantile", quantile), found.get(2, bytes(8))))
        elif field.number == _COUNT and field.wire_type == VARINT:
            count = float(protowire.read_varint(message, field.start, field.end)[0])
        elif field.number == _SUM and field.wire_type == FIXED64:
            total = message[field.start : field.end]
    return [*parts, (b"_sum", b"", total), (b"_count", b"", struct.pack("<d", count))]


def native(message: bytes, type: MetricType) -> bytes | None:
    """Return a `prometheus.Histogram` without timestamp, None for one that is classic only."""
    out: list[bytes] = []
    is_native = False
    for field in protowire.fields(message, 0, len(message)):
        number = _RENUMBERED.get(field.number)
        is_native = is_native or field.number in (_SCHEMA, _NEGATIVE_SPAN, _POSITIVE_SPAN)
        if number is not None:
            size = field.end - field.start
            length = protowire.varint(size) if field.wire_type == DELIMITED else b""
            value = message[field.start : field.end]
            out.append(protowire.tag(number, field.wire_type) + length + value)
    if not is_native:
        return None
    if type is MetricType.GAUGE_HISTOGRAM:
        out.append(protowire.tag(_RESET_HINT, VARINT) + protowire.varint(_GAUGE_HINT))
    return b"".join(out)


def go_float(value: float) -> str:
    """Return a number as OpenMetrics wants it in a label, and as Prometheus writes it there."""
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if math.isnan(value):
        return "NaN"
    sign, digits, _ = (number := Decimal(repr(value))).normalize().as_tuple()
    exponent = number.adjusted() if value else 0
    text = "".join(map(str, digits)) or "0"
    minus = "-" if sign else ""
    if not _SMALLEST_PLAIN_EXPONENT <= exponent < max(_FIRST_LARGE_EXPONENT, 0):
        mantissa = text[0] + (f".{text[1:]}" if len(text) > 1 else "")
        return f"{minus}{mantissa}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
    if exponent < 0:
        return f"{minus}0.{'0' * (-exponent - 1)}{text}"
    whole, fraction = text[: exponent + 1].ljust(exponent + 1, "0"), text[exponent + 1 :]
    return f"{minus}{whole}.{fraction or '0'}"


def _bucket(message: bytes) -> tuple[float, float]:
    """Return upper bound and count of a classic bucket."""
    bound = count = 0.0
    for field in protowire.fields(message, 0, len(message)):
        if field.number == 1 and field.wire_type == VARINT:
            count = count or float(protowire.read_varint(message, field.start, field.end)[0])
        elif field.number == 4 and field.wire_type == FIXED64:
            count = _float(message, field.start) or count
        elif field.number == 2 and field.wire_type == FIXED64:
            bound = _float(message, field.start)
    return bound, count


def _bound(name: str, value: float) -> bytes:
    return pushed.label(name.encode(), go_float(value).encode())


def _doubles(message: bytes) -> dict[int, bytes]:
    return dict(_fixed(message))


def _fixed(message: bytes) -> Iterator[tuple[int, bytes]]:
    for field in protowire.fields(message, 0, len(message)):
        if field.wire_type == FIXED64:
            yield field.number, message[field.start : field.end]


def _float(message: bytes, start: int) -> float:
    try:
        found: float = struct.unpack_from("<d", message, start)[0]
    except struct.error as error:
        raise errors.Undecodable(f"position {start}: no double") from error
    return found
