"""Answers of range queries: cut to some steps, and put together from parts; pure.

Values stay the texts that the backend wrote.
"""

import bisect
from collections.abc import Sequence

import msgspec

from query_gateway import answers
from query_gateway.answers import TRUNCATED, NotAnAnswer

type _Time = int | float


class Series(msgspec.Struct, omit_defaults=True):
    """One series of a matrix."""

    metric: dict[str, str]
    values: list[tuple[_Time, str]] = []
    histograms: list[tuple[_Time, msgspec.Raw]] = []


class _Data(msgspec.Struct, rename="camel"):
    result_type: str
    result: list[Series]


class Matrix(msgspec.Struct, omit_defaults=True):
    """A whole answer."""

    status: str
    data: _Data
    warnings: list[str] = []
    infos: list[str] = []


_decoder = msgspec.json.Decoder(Matrix)


def decoded(body: bytes) -> Matrix:
    """Read an answer. Raises NotAnAnswer."""
    answer = answers.decoded(_decoder, body)
    if answer.data.result_type != "matrix":
        raise NotAnAnswer
    return answer


def encoded(answer: Matrix) -> bytes:
    """Write an answer as a backend does."""
    return msgspec.json.encode(answer)


def cut(answer: Matrix, start: int, end: int) -> Matrix:
    """Return what an answer says of a time, in milliseconds, ends included."""
    result = []
    for series in answer.data.result:
        values = _within(series.values, start, end)
        histograms = _within(series.histograms, start, end)
        if values or histograms:
            result.append(Series(series.metric, values, histograms))
    return Matrix("success", _Data("matrix", result), answer.warnings, answer.infos)


def _within[V](points: list[tuple[_Time, V]], start: int, end: int) -> list[tuple[_Time, V]]:
    first = bisect.bisect_left(points, start, key=_milliseconds)
    return points[first : bisect.bisect_right(points, end, key=_milliseconds)]


def _milliseconds(point: tuple[_Time, object]) -> int:
    return round(point[0] * 1000)


def concatenated(parts: Sequence[Matrix], *, limit: int = 0) -> Matrix:
    """Join answers for spans in ascending order; sorted by labels, at most `limit` series (0: all)."""
    found: dict[tuple[tuple[str, str], ...], Series] = {}
    for part in parts:
        for series in part.data.result:
            key = tuple(sorted(series.metric.items()))
            if (known := found.get(key)) is None:
                found[key] = Series(series.metric, list(series.values), list(series.histograms))
            else:
                known.values += series.values
                known.histograms += series.histograms
    ordered = [found[key] for key in sorted(found)]
    warnings = {text for part in parts for text in part.warnings}
    if limit and len(ordered) > limit:
        ordered = ordered[:limit]
        warnings.add(TRUNCATED)
    infos = {text for part in parts for text in part.infos}
    return Matrix("success", _Data("matrix", ordered), sorted(warnings), sorted(infos))
