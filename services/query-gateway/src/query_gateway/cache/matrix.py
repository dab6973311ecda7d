"""Answers of range queries: cut to some steps, and put together from parts; pure.

Points stay the texts that the backend wrote. They are cut by searching for the text of a time, and read
only where a series has no point at that time: an answer of many points costs what its series cost.
"""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import msgspec

from query_gateway import answers
from query_gateway.answers import TRUNCATED, Labels, NotAnAnswer

_VALUE = b',"'
"""Between the time of a point and its value, and nowhere else among points."""
_HISTOGRAM = b",{"
_TIMES = {
    _VALUE: re.compile(rb'\[([^][,]+),"'),
    _HISTOGRAM: re.compile(rb"\[([^][,]+),\{"),
}
_VALUES = re.compile(rb'\[(?:\[[0-9.]++,"[^][,"\\]++"\](?:,(?=\[)|(?=\]$)))*+\]')
"""Points with values as every backend writes them: brackets begin and end points only."""


class Series(msgspec.Struct, frozen=True, array_like=True):
    """One series of a matrix."""

    metric: bytes
    """Its labels as JSON, sorted by name: equal texts are equal series."""
    values: bytes = b""
    """Points as JSON, with commas between them; ascending in time."""
    histograms: bytes = b""


class Matrix(msgspec.Struct, frozen=True, array_like=True):
    """A whole answer."""

    series: list[Series]
    """Sorted by labels, as Prometheus does."""
    warnings: list[str] = []
    infos: list[str] = []


_decoder = msgspec.json.Decoder(answers.MatrixAnswer)
_labels = msgspec.json.Decoder(Labels)
_sorted = msgspec.json.Encoder(order="sorted")
_values = msgspec.json.Decoder(list[tuple[int | float, str]])
_histograms = msgspec.json.Decoder(list[tuple[int | float, dict[str, object]]])


def decoded(body: bytes) -> Matrix:
    """Read an answer. Raises NotAnAnswer."""
    answer = answers.decoded(_decoder, body)
    if answer.data.result_type != "matrix":
        raise NotAnAnswer
    found = sorted(answer.data.result, key=lambda one: sorted(one.metric.items()))
    series = [
        Series(
            _sorted.encode(one.metric),
            _text(one.values, _values, _VALUES),
            _text(one.histograms, _histograms),
        )
        for one in found
    ]
    return Matrix(series, answer.warnings, answer.infos)


def _text(
    points: msgspec.Raw | msgspec.UnsetType,
    decoder: msgspec.json.Decoder[Any],
    usual: re.Pattern[bytes] | None = None,
) -> bytes:
    """Return points as we keep them: without the outer brackets and without spaces.

    They are read where they do not look as `usual`, and must do so then. Raises NotAnAnswer.
    """
    if points is msgspec.UNSET:
        return b""
    text = bytes(points)
    if usual is None or not usual.fullmatch(text):
        try:
            text = msgspec.json.encode(decoder.decode(text))
        except msgspec.DecodeError as error:
            raise NotAnAnswer from error
        if usual is not None and not usual.fullmatch(text):
            raise NotAnAnswer
    return text[1:-1]


def encoded(answer: Matrix) -> bytes:
    """Write an answer as a backend does."""
    series = b",".join(map(_encoded, answer.series))
    text = b'{"status":"success","data":{"resultType":"matrix","result":[' + series + b"]}"
    for name, said in ((b"warnings", answer.warnings), (b"infos", answer.infos)):
        if said:
            text += b',"' + name + b'":' + msgspec.json.encode(said)
    return text + b"}"


def _encoded(series: Series) -> bytes:
    text = b'{"metric":' + series.metric
    if series.values:
        text += b',"values":[' + series.values + b"]"
    if series.histograms:
        text += b',"histograms":[' + series.histograms + b"]"
    return text + b"}"


def split(answer: Matrix, times: Sequence[int]) -> list[Matrix]:
    """Return what an answer says between each two neighbours of `times`, ascending, in milliseconds.

    Each part holds the points at its first time and before its last.
    """
    parts: list[list[Series]] = [[] for _ in times[1:]]
    for one in answer.series:
        values = _split(one.values, times, _VALUE)
        histograms = _split(one.histograms, times, _HISTOGRAM)
        for part, some, others in zip(parts, values, histograms, strict=True):
            if some or others:
                part.append(Series(one.metric, some, others))
    return [Matrix(part, answer.warnings, answer.infos) for part in parts]


def _split(points: bytes, times: Sequence[int], mark: bytes) -> list[bytes]:
    if not points:
        return [b""] * (len(times) - 1)
    last = points.rindex(mark)
    newest = _milliseconds(points[points.rindex(b"[", 0, last) + 1 : last])
    found = []
    at = 0
    for time in times:
        at = _first(points, time, mark, at) if time <= newest else len(points) + 1
        found.append(at)
    return [points[begin : end - 1] if begin < end else b"" for begin, end in pairwise(found)]


def _first(points: bytes, time: int, mark: bytes, begin: int) -> int:
    """Return where the first point that is not before `time` begins, `begin` being where one does."""
    if _milliseconds(points[begin + 1 : points.index(b",", begin)]) >= time:
        return begin
    if time % 1000 == 0:
        found = points.find(b"[%d%b" % (time // 1000, mark), begin)
        if found >= 0:
            return found
    for point in _TIMES[mark].finditer(points, begin):
        if _milliseconds(point[1]) >= time:
            return point.start()
    return len(points) + 1


def _milliseconds(text: bytes) -> int:
    return round(float(text) * 1000)


def concatenated(parts: Sequence[Matrix], *, limit: int = 0) -> Matrix:
    """Join answers for spans in ascending order; sorted by labels, at most `limit` series (0: all)."""
    found: dict[bytes, tuple[list[bytes], list[bytes]]] = {}
    known = 0
    for part in parts:
        for one in part.series:
            texts = found.get(one.metric)
            if texts is None:
                texts = found[one.metric] = [], []
            if one.values:
                texts[0].append(one.values)
            if one.histograms:
                texts[1].append(one.histograms)
        known = known or len(found)
    # The series of the first part are in order; further ones came where they were found.
    order = found if len(found) == known else sorted(found, key=_order)
    series = [Series(name, *map(b",".join, found[name])) for name in order]
    warnings = {text for part in parts for text in part.warnings}
    if limit and len(series) > limit:
        series = series[:limit]
        warnings.add(TRUNCATED)
    infos = {text for part in parts for text in part.infos}
    return Matrix(series, sorted(warnings), sorted(infos))


def _order(metric: bytes) -> list[tuple[str, str]]:
    return list(_labels.decode(metric).items())
