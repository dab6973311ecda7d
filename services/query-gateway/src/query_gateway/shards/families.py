"""What several shards answer at `/federate`, as one answer: metric families, each once; pure.

A family is a header and one line or message for each series. Families are sorted by name, series
follow one another in the order of the shards; of a series that two shards hold the newest sample
counts, as in one server that holds both.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from query_gateway.answers import NotAnAnswer
from tenantry_common import errors, protowire

PROTOBUF = "application/vnd.google.protobuf"
_OPEN_METRICS = "application/openmetrics-text"
_EOF = b"# EOF"
_HEADER = re.compile(rb'# (?:TYPE|HELP|UNIT) ("(?:[^"\\]|\\.)*"|[^ ]+)')
_SAMPLE = re.compile(
    rb'((?:[^ {"#]+)?(?:\{(?:[^"}]|"(?:[^"\\]|\\.)*")*\})?) ([^ ]+) ([-+0-9.e]+)', re.DOTALL
)

# Fields of io.prometheus.client.MetricFamily and .Metric.
_NAME, _TYPE, _METRIC = 1, 3, 4
_LABEL, _TIMESTAMP = 1, 6


@dataclass(slots=True)
class _Family:
    header: bytes
    series: dict[bytes, tuple[float, bytes]] = field(default_factory=dict)
    """By what tells it from others: its time and all of it."""

    def put(self, key: bytes, time: float, whole: bytes) -> None:
        known = self.series.get(key)
        if known is None or time > known[0]:
            self.series[key] = time, whole


type _Families = dict[tuple[bytes, bytes], _Family]
"""By name and header: of some names there are several kinds."""


def united(bodies: Sequence[bytes], content_type: str) -> bytes:
    """Return one answer from those of all shards, which are of one content type. Raises NotAnAnswer."""
    media_type = content_type.partition(";")[0].strip().lower()
    found: _Families = {}
    if media_type == PROTOBUF:
        if "encoding=delimited" not in content_type.replace(" ", ""):
            raise NotAnAnswer
        for body in bodies:
            _read_messages(body, found)
        return b"".join(_message(one) for _, one in sorted(found.items(), key=lambda it: it[0]))
    for body in bodies:
        _read_lines(_lines(body, media_type), found)
    text = b"".join(
        one.header + b"".join(whole for _, whole in one.series.values())
        for _, one in sorted(found.items(), key=lambda it: it[0])
    )
    return text + _EOF + b"\n" if media_type == _OPEN_METRICS else text


def _lines(body: bytes, media_type: str) -> Iterable[bytes]:
    if body and not body.endswith(b"\n"):
        raise NotAnAnswer
    lines = body.split(b"\n")[:-1]
    if media_type != _OPEN_METRICS:
        return lines
    if not lines or lines.pop() != _EOF:
        raise NotAnAnswer
    return lines


def _read_lines(lines: Iterable[bytes], found: _Families) -> None:
    family: _Family | None = None
    name, header = b"", b""
    for line in filter(None, lines):
        started = _HEADER.match(line)
        if started is not None:
            if started[1] != name or family is not None:
                name, header = started[1], b""
            header += line + b"\n"
            family = None
            continue
        if family is None:
            family = found.setdefault((name, header), _Family(header))
        sample = _SAMPLE.match(line)
        if sample is None or not name:
            raise NotAnAnswer
        family.put(sample[1], _time(sample[3]), line + b"\n")


def _time(text: bytes) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise NotAnAnswer from error


def _read_messages(body: bytes, found: _Families) -> None:
    try:
        for start, end in _delimited(body):
            fields = list(protowire.fields(body, start, end))
            names = [body[one.start : one.end] for one in fields if one.number == _NAME]
            header = b"".join(body[one.entry : one.end] for one in fields if one.number != _METRIC)
            if len(names) != 1:
                raise NotAnAnswer
            family = found.setdefault((names[0], header), _Family(header))
            for one in fields:
                if one.number == _METRIC:
                    key, time = _metric(body, one.start, one.end)
                    family.put(key, time, body[one.entry : one.end])
    except errors.Undecodable as error:
        raise NotAnAnswer from error


def _delimited(body: bytes) -> Iterator[tuple[int, int]]:
    position = 0
    while position < len(body):
        size, start = protowire.read_varint(body, position, len(body))
        position = start + size
        if position > len(body):
            raise NotAnAnswer
        yield start, position


def _metric(body: bytes, start: int, end: int) -> tuple[bytes, float]:
    """Return the labels of a metric, and its time."""
    key, time = b"", 0
    for one in protowire.fields(body, start, end):
        if one.number == _LABEL:
            key += body[one.entry : one.end]
        elif one.number == _TIMESTAMP:
            time, _ = protowire.read_varint(body, one.start, one.end)
    return key, time


def _message(family: _Family) -> bytes:
    whole = family.header + b"".join(metric for _, metric in family.series.values())
    return protowire.varint(len(whole)) + whole
