"""What an expression is worth at each step: vectors and scalars, and how those of several shards merge; pure.

An instant query has one step. A vector is a mapping from labels to a column, a value per step or None;
a scalar is a column that has a value at every step.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from query_gateway.shards.plans import Merge

type Labels = tuple[tuple[str, str], ...]
"""Pairs of name and value, sorted; none with an empty value."""
type Column = list[float | None]

NAME = "__name__"


TWICE = (
    "two shards answer with elements of the same labels: series that differ in their metric name only, "
    "or one series in two shards"
)
"""For the tenant: whose series they are, it can find out."""


class Uncomputable(Exception):
    """The parts cannot be put together exactly. The text is for the tenant."""


class EvaluationError(Exception):
    """Prometheus answers such a query with an error too. The text is for the tenant."""


@dataclass(slots=True)
class Vector:
    """Elements by their labels."""

    steps: int
    columns: dict[Labels, Column] = field(default_factory=dict)

    def put(self, labels: Labels, column: Column) -> None:
        """Add an element. Raises EvaluationError where its labels are taken at some step."""
        present = self.columns.get(labels)
        if present is None:
            self.columns[labels] = column
            return
        for index, value in enumerate(column):
            if value is not None:
                if present[index] is not None:
                    raise EvaluationError("vector cannot contain metrics with the same labelset")
                present[index] = value


@dataclass(slots=True)
class Scalar:
    """A number per step."""

    values: list[float]


type Frame = Vector | Scalar


def as_vector(frame: Frame) -> Vector:
    """Return a frame that is a vector: the planner knows the types."""
    if not isinstance(frame, Vector):
        raise TypeError("a vector was planned")
    return frame


def as_scalar(frame: Frame) -> Scalar:
    """Return a frame that is a scalar: the planner knows the types."""
    if not isinstance(frame, Scalar):
        raise TypeError("a scalar was planned")
    return frame


def labels_of(pairs: Iterable[tuple[str, str]]) -> Labels:
    """Return pairs in the form in which they identify an element."""
    return tuple(sorted(pair for pair in pairs if pair[1]))


def without_name(labels: Labels) -> Labels:
    """Drop the metric name."""
    return tuple(pair for pair in labels if pair[0] != NAME)


def merged(how: Merge, parts: Sequence[Vector]) -> Vector:
    """Merge the answers of shards to one query; there is at least one.

    Raises Uncomputable where two shards have one series, so that neither answer is right.
    """
    match how:
        case "any":
            return parts[0]
        case "disjoint" | "distinct":
            return _union(parts, at_any_time=how == "distinct")
        case "everywhere":
            return _everywhere(parts)
        case "sum" | "min" | "max":
            return _folded(parts, _FOLDS[how])


def _union(parts: Sequence[Vector], *, at_any_time: bool) -> Vector:
    union = Vector(parts[0].steps)
    for part in parts:
        for labels, column in part.columns.items():
            try:
                if at_any_time and labels in union.columns:
                    raise EvaluationError
                union.put(labels, column)
            except EvaluationError:
                raise Uncomputable(TWICE) from None
    return union


def _everywhere(parts: Sequence[Vector]) -> Vector:
    first, *others = parts
    found = Vector(first.steps)
    for labels, column in first.columns.items():
        rest = [other.columns.get(labels) for other in others]
        found.columns[labels] = [
            value if all(one is not None and one[index] is not None for one in rest) else None
            for index, value in enumerate(column)
        ]
    return found


def _folded(parts: Sequence[Vector], fold: Callable[[list[float]], float]) -> Vector:
    if len(parts) == 1:
        return parts[0]
    columns: dict[Labels, list[Column]] = {}
    for part in parts:
        for labels, column in part.columns.items():
            columns.setdefault(labels, []).append(column)
    steps = parts[0].steps
    return Vector(steps, {labels: folded(found, fold) for labels, found in columns.items()})


def folded(columns: Sequence[Column], fold: Callable[[list[float]], float]) -> Column:
    """Fold the values of each step into one; None where there is none."""
    if len(columns) == 1:
        return [None if value is None else fold([value]) for value in columns[0]]
    result: Column = []
    for values in zip(*columns, strict=True):
        present = [value for value in values if value is not None]
        result.append(fold(present) if present else None)
    return result


def least(values: list[float]) -> float:
    """Return the least value; NaN only where there is nothing else."""
    return min((value for value in values if not math.isnan(value)), default=math.nan)


def greatest(values: list[float]) -> float:
    """Return the greatest value; NaN only where there is nothing else."""
    return max((value for value in values if not math.isnan(value)), default=math.nan)


_FOLDS: dict[str, Callable[[list[float]], float]] = {"sum": sum, "min": least, "max": greatest}
