"""Read Prometheus' text format 0.0.4; pure.

(https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format)
"""

import functools
import re
import struct

from tenantry_common import errors, protowire, pushed
from tenantry_common.pushed import Group, MetricType

CONTENT_TYPE = "text/plain"

_SAMPLE = re.compile(
    rb"[ \t]*([a-zA-Z_:][a-zA-Z0-9_:]*)[ \t]*"
    rb'(?:\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\})?'
    rb"[ \t]*([^ \t\r]+)(?:[ \t]+(-?[0-9]+))?[ \t]*\r?"
)
_LABEL = re.compile(rb'[ \t]*([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*"((?:[^"\\]|\\.)*)"[ \t]*(,|\Z)')
_TYPE = re.compile(rb"[ \t]*#[ \t]+TYPE[ \t]+([a-zA-Z_:][a-zA-Z0-9_:]*)[ \t]+([a-z]+)[ \t]*\r?")
_ESCAPE = re.compile(rb'\\([\\n"])')
_NUMBER = re.compile(rb"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[+-]?inf|nan", re.I)
_TYPES = {
    b"counter": MetricType.COUNTER,
    b"gauge": MetricType.GAUGE,
    b"histogram": MetricType.HISTOGRAM,
    b"summary": MetricType.SUMMARY,
    b"untyped": MetricType.UNKNOWN,
}
_SUFFIXES = {
    MetricType.HISTOGRAM: (b"_bucket", b"_sum", b"_count"),
    MetricType.SUMMARY: (b"_sum", b"_count"),
}
_LONGEST_REMEMBERED = 1024  # bytes
_INT64 = range(-(1 << 63), 1 << 63)


def read(data: bytes) -> list[Group]:
    """Return one group for each name. Raises `errors.Undecodable` with the position."""
    types: dict[bytes, MetricType] = {}
    groups: dict[bytes, Group] = {}
    position = 0
    for line in data.split(b"\n"):
        start, position = position, position + len(line) + 1
        if found := _SAMPLE.fullmatch(line):
            _take(groups, types, start, found)
        elif line.strip()[:1] == b"#":
            if found := _TYPE.fullmatch(line):
                types[found[1]] = _TYPES.get(found[2], MetricType.UNKNOWN)
        elif line.strip():
            raise errors.Undecodable(f"position {start}: neither a sample nor a comment")
    return list(groups.values())


def _take(
    groups: dict[bytes, Group],
    types: dict[bytes, MetricType],
    start: int,
    found: re.Match[bytes],
) -> None:
    name, labels, value, stamp = found.groups()
    try:
        text = labels or b""
        encoded = _labels(text) if len(text) > _LONGEST_REMEMBERED else _remembered(text)
        row = (encoded, _double(value), _stamp(stamp))
    except errors.Undecodable as error:
        raise errors.Undecodable(f"position {start}: {error}") from error
    group = groups.get(name)
    if group is None:
        family, kind = _family(name, types)
        group = groups[name] = Group(
            family=family.decode(), name=pushed.name_label(name), type=kind
        )
    group.rows.append(row)


def _family(name: bytes, types: dict[bytes, MetricType]) -> tuple[bytes, MetricType]:
    """Return the family that a series belongs to, and its type."""
    if name in types:
        return name, types[name]
    for kind, suffixes in _SUFFIXES.items():
        for suffix in suffixes:
            if name.endswith(suffix) and types.get(name[: -len(suffix)]) is kind:
                return name[: -len(suffix)], kind
    return name, MetricType.UNKNOWN


@functools.lru_cache(maxsize=1 << 14)
def _remembered(text: bytes) -> bytes:
    """Return the encoded labels between the braces; remembered, because they come again."""
    return _labels(text)


def _labels(text: bytes) -> bytes:
    out: list[bytes] = []
    position = 0
    while text[position:].strip():
        found = _LABEL.match(text, position)
        if found is None:
            raise errors.Undecodable("labels cannot be read")
        out.append(pushed.label(found[1], _unescaped(found[2])))
        position = found.end()
    return b"".join(out)


def _unescaped(text: bytes) -> bytes:
    if b"\\" not in text:
        return text
    return _ESCAPE.sub(lambda found: b"\n" if found[1] == b"n" else found[1], text)


def _double(text: bytes) -> bytes:
    if not _NUMBER.fullmatch(text):
        raise errors.Undecodable("value is no number")
    return struct.pack("<d", float(text))


def _stamp(text: bytes | None) -> bytes:
    if text is None:
        return b""
    if len(text) > 20 or (milliseconds := int(text)) not in _INT64:
        raise errors.Undecodable("timestamp is out of range")
    return protowire.varint(milliseconds)
