"""Answers of the query API: read, united, and compared in all the ways that verdicts need; pure."""

import functools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

type LabelKey = tuple[tuple[str, str], ...]
type Point = tuple[float, str]
type HistogramPoint = tuple[float, Any]
"""Time, and what the API says of a native histogram: `count`, `sum`, `buckets`."""

RELATIVE = 1e-12
"""How far two sums of the same numbers in different orders may be apart."""


FAILED = "failed"
"""The error type of an `Answer` that stands for no answer to the query, however often it was asked."""


class Unreadable(Exception):
    """A server answered something that is no answer to a query: it is broken or overloaded."""


class Element(msgspec.Struct, dict=True):
    """One series of a vector or of a matrix."""

    metric: dict[str, str]
    value: Point | None = None
    histogram: HistogramPoint | None = None
    values: list[Point] = []
    histograms: list[HistogramPoint] = []

    @functools.cached_property
    def key(self) -> LabelKey:
        """The label set, comparable."""
        return tuple(sorted(self.metric.items()))

    @property
    def points(self) -> list[Point]:
        """All float samples."""
        return self.values if self.value is None else [self.value]

    @property
    def histogram_points(self) -> list[HistogramPoint]:
        """All histogram samples."""
        return self.histograms if self.histogram is None else [self.histogram]


class _Data(msgspec.Struct):
    type: str = msgspec.field(name="resultType")
    result: msgspec.Raw


class _Envelope(msgspec.Struct):
    status: str
    data: _Data | None = None
    error_type: str = msgspec.field(default="", name="errorType")
    error: str = ""


_envelope = msgspec.json.Decoder(_Envelope)
_elements = msgspec.json.Decoder(list[Element])
_point = msgspec.json.Decoder(Point)

# Anything else (timeout, too_many_requests, …) is not about the query.
_ERRORS_OF_QUERIES = frozenset({"bad_data", "execution"})


@dataclass(frozen=True)
class Answer:
    """One answer; `error_type` is empty when it is a success."""

    type: str = ""
    elements: tuple[Element, ...] = ()
    """Of a vector or a matrix, in the order of the answer."""
    point: Point | None = None
    """Of a scalar or a string."""
    error_type: str = ""
    error: str = ""

    @functools.cached_property
    def by_key(self) -> Mapping[LabelKey, Element]:
        """Its series by label set."""
        return {element.key: element for element in self.elements}


def read(body: bytes) -> Answer:
    """Read a body. Raises `Unreadable`."""
    try:
        envelope = _envelope.decode(body)
        if envelope.status == "error" and envelope.error_type in _ERRORS_OF_QUERIES:
            return Answer(error_type=envelope.error_type, error=envelope.error)
        if envelope.status != "success" or envelope.data is None:
            raise Unreadable(body[:500].decode("utf-8", "replace"))
        data = envelope.data
        if data.type in ("scalar", "string"):
            return Answer(type=data.type, point=_point.decode(data.result))
        return Answer(type=data.type, elements=tuple(_elements.decode(data.result)))
    except msgspec.DecodeError as error:
        raise Unreadable(f"{error}: {body[:500]!r}") from error


def united(answers: Sequence[Answer]) -> Answer:
    """Return the union of matrices by full label set, or the first error among them."""
    for answer in answers:
        if answer.error_type:
            return answer
    if len(answers) == 1:
        return answers[0]
    found: dict[LabelKey, Element] = {}
    for answer in answers:
        for element in answer.elements:
            known = found.setdefault(element.key, element)
            if known != element:
                raise AssertionError(f"one series with two contents in one query: {element}")
    return Answer(type=answers[0].type, elements=tuple(found[key] for key in sorted(found)))


def same_error(a: Answer, b: Answer) -> bool:
    """Whether both are errors of one type. Texts may differ: they quote the query."""
    return a.error_type not in ("", FAILED) and a.error_type == b.error_type


def equal(a: Answer, b: Answer) -> bool:
    """Whether both say the same, digit by digit, up to the order of series."""
    if a.error_type or b.error_type:
        return False
    return a.type == b.type and a.point == b.point and _sorted(a) == _sorted(b)


def _sorted(answer: Answer) -> list[tuple[LabelKey, Element]]:
    # By content too: label_join of Prometheus 2 gives several series of one label set.
    pairs = [(element.key, element) for element in answer.elements]
    if len(answer.by_key) == len(pairs):
        return sorted(pairs, key=lambda pair: pair[0])
    return sorted(pairs, key=lambda pair: (pair[0], repr(pair[1])))


def nearly_equal(a: Answer, b: Answer, relative: float = RELATIVE) -> bool:
    """Whether both have the same series and times, and numbers at most `relative` apart."""
    return distance(a, b) <= relative


def distance(a: Answer, b: Answer) -> float:
    """Return the largest relative difference of two numbers; infinite when anything else differs."""
    if a.error_type or b.error_type or a.type != b.type or len(a.elements) != len(b.elements):
        return math.inf
    if a.point is not None and b.point is not None:
        return _of_points([a.point], [b.point])
    if a.point != b.point or a.by_key.keys() != b.by_key.keys():
        return math.inf
    return max(
        (
            max(
                _of_points(one.points, b.by_key[key].points),
                _of_json(one.histogram_points, b.by_key[key].histogram_points),
            )
            for key, one in a.by_key.items()
        ),
        default=0.0,
    )


def _of_points(a: Sequence[Point], b: Sequence[Point]) -> float:
    if [time for time, _ in a] != [time for time, _ in b]:
        return math.inf
    pairs = zip(a, b, strict=True)
    return max((apart(left[1], right[1]) for left, right in pairs), default=0.0)


def apart(a: str, b: str) -> float:
    """Return the relative difference of two numbers as the API writes them."""
    if a == b:
        return 0.0
    left, right = _number(a), _number(b)
    if left is None or right is None or not (math.isfinite(left) and math.isfinite(right)):
        return math.inf
    return abs(left - right) / max(abs(left), abs(right)) if left != right else 0.0


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:  # the value of a string
        return None


def _of_json(a: Any, b: Any) -> float:
    """Compare what the API says of histograms: numbers as texts, within lists and objects."""
    if isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys():
        return max((_of_json(a[key], b[key]) for key in a), default=0.0)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple) and len(a) == len(b):
        return max(map(_of_json, a, b), default=0.0)
    if isinstance(a, str) and isinstance(b, str):
        return apart(a, b)
    return 0.0 if a == b else math.inf


def samples(answer: Answer) -> Iterator[tuple[LabelKey, float, str]]:
    """Yield labels, time and value of every sample; a histogram's value is its text."""
    for element in answer.elements:
        for time, value in element.points:
            yield element.key, time, value
        for time, histogram in element.histogram_points:
            yield element.key, time, repr(histogram)
