"""Prometheus' answers to queries, read into frames and written from them; pure.

Values pass through text: Prometheus writes the shortest one that reads back as the same float.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import msgspec

from query_gateway.answers import TRUNCATED, NotAnAnswer, envelope
from query_gateway.shards import frames
from query_gateway.shards.frames import Column, Frame, Scalar, Uncomputable, Vector

type _Point = tuple[float, str]


@dataclass(frozen=True, slots=True)
class Grid:
    """The steps of a query, in milliseconds since the epoch; one for an instant query."""

    start: int
    step: int
    count: int
    is_range: bool

    def index(self, seconds: float) -> int:
        """Return the number of the step at a time. Raises NotAnAnswer for a time that is none."""
        behind = round(seconds * 1000) - self.start
        number, rest = divmod(behind, self.step) if self.step else (0, behind)
        if rest or not 0 <= number < self.count:
            raise NotAnAnswer
        return number

    def seconds(self, index: int) -> float | int:
        """Return the time of a step as Prometheus writes it."""
        at = self.start + index * self.step
        return at // 1000 if at % 1000 == 0 else at / 1000


class _Element(msgspec.Struct, frozen=True):
    metric: dict[str, str] = {}
    value: _Point | None = None
    values: list[_Point] = []
    histogram: msgspec.Raw = msgspec.Raw()
    histograms: msgspec.Raw = msgspec.Raw()


class _Data(msgspec.Struct, frozen=True, rename="camel"):
    result_type: str
    result: msgspec.Raw


class _Answer(msgspec.Struct, frozen=True):
    status: str
    data: _Data
    warnings: list[str] = []
    infos: list[str] = []


@dataclass(frozen=True, slots=True)
class Read:
    """An answer of one shard."""

    frame: Frame
    warnings: tuple[str, ...] = ()
    infos: tuple[str, ...] = ()


_answer = msgspec.json.Decoder(_Answer)
_elements = msgspec.json.Decoder(list[_Element])
_scalar = msgspec.json.Decoder(_Point)


def read(body: bytes, grid: Grid, *, scalar: bool) -> Read:
    """Read an answer. Raises NotAnAnswer, and Uncomputable for native histograms."""
    try:
        answer = _answer.decode(body)
        if answer.status != "success":
            raise NotAnAnswer
        frame = _frame(answer.data, grid, scalar=scalar)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        raise NotAnAnswer from error
    return Read(frame, tuple(answer.warnings), tuple(answer.infos))


def _frame(data: _Data, grid: Grid, *, scalar: bool) -> Frame:
    if data.result_type == "scalar":
        return Scalar([float(_scalar.decode(data.result)[1])])
    if data.result_type != ("matrix" if grid.is_range else "vector"):
        raise NotAnAnswer
    vector = Vector(grid.count)
    for element in _elements.decode(data.result):
        if bytes(element.histogram) or bytes(element.histograms):
            raise Uncomputable("native histograms of several shards are not put together")
        column: Column = [None] * grid.count
        for seconds, value in element.values or filter(None, (element.value,)):
            column[grid.index(seconds)] = float(value)
        vector.columns[frames.labels_of(element.metric.items())] = column
    if not scalar:
        return vector
    (values,) = vector.columns.values()
    return Scalar([math.nan if value is None else value for value in values])


def written(
    frame: Frame, grid: Grid, *, limit: int, warnings: Sequence[str], infos: Sequence[str]
) -> bytes:
    """Write an answer, series in order of their labels, at most `limit` of them (0: all)."""
    if isinstance(frame, Scalar) and not grid.is_range:
        data: object = {"resultType": "scalar", "result": _point(grid, 0, frame.values[0])}
        return envelope(data, warnings, infos)
    if isinstance(frame, Scalar):
        frame = Vector(grid.count, {(): list(frame.values)})
    elements = [
        element
        for labels, column in frame.columns.items()
        if (element := _element(labels, column, grid)) is not None
    ]
    if grid.is_range:
        elements.sort(key=lambda element: sorted(element["metric"].items()))
    more = list(warnings)
    if limit and len(elements) > limit:
        elements = elements[:limit]
        more.append(TRUNCATED)
    data = {"resultType": "matrix" if grid.is_range else "vector", "result": elements}
    return envelope(data, more, infos)


def _element(labels: frames.Labels, column: Column, grid: Grid) -> dict[str, dict[str, str]] | None:
    points = [_point(grid, step, value) for step, value in enumerate(column) if value is not None]
    if not points:
        return None
    shown: dict[str, object] = {"metric": dict(labels)}
    shown |= {"values": points} if grid.is_range else {"value": points[0]}
    return shown  # type: ignore[return-value]  # what is sorted by is there


def _point(grid: Grid, step: int, value: float) -> tuple[float | int, str]:
    return grid.seconds(step), number(value)


def number(value: float) -> str:
    """Write a float as Prometheus' API does (util/jsonutil, MarshalFloat)."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    shortest = Decimal(repr(value))
    if value != 0 and not 1e-6 <= abs(value) < 1e21:
        digits, _, exponent = f"{shortest.normalize():e}".partition("e")
        return f"{digits}e{exponent[0]}{exponent[1:].zfill(2)}"
    text = format(shortest, "f")
    return text.removesuffix(".0") if "." in text else text
