"""The functions that are computed from vectors that were put together; pure.

`table.LOCAL` lists them: those that give the same bits as Prometheus' own.
"""

import math
from collections.abc import Callable, Mapping, Sequence

from query_gateway.label_names import is_legacy
from query_gateway.shards import arithmetic, bucket_quantile, frames
from query_gateway.shards.frames import (
    Column,
    EvaluationError,
    Frame,
    Scalar,
    Uncomputable,
    Vector,
    as_scalar,
    as_vector,
)
from tenantry_common import relabel_regex, relabel_template

_PLAIN: dict[str, Callable[[float], float]] = {
    "abs": abs,
    "ceil": arithmetic.ceil,
    "floor": arithmetic.floor,
    "sqrt": arithmetic.root,
    "sgn": arithmetic.sign,
    "deg": lambda value: value * 180 / math.pi,
    "rad": lambda value: value * math.pi / 180,
}


def apply(name: str, arguments: Sequence[Frame], texts: Sequence[str], steps: int) -> Frame:
    """Return what a function is worth. Raises EvaluationError where Prometheus answers with one."""
    match name:
        case "scalar":
            return _scalar(as_vector(arguments[0]))
        case "vector":
            return Vector(steps, {(): list(as_scalar(arguments[0]).values)})
        case "absent":
            return _absent(as_vector(arguments[0]))
        case "sort" | "sort_desc":
            return _sorted(as_vector(arguments[0]), descending=name == "sort_desc")
        case "label_replace":
            return _label_replace(as_vector(arguments[0]), *texts)
        case "label_join":
            return _label_join(as_vector(arguments[0]), *texts)
        case "histogram_quantile":
            q, buckets = arguments
            return bucket_quantile.histogram_quantile(as_scalar(q), as_vector(buckets))
        case "clamp" | "clamp_min" | "clamp_max" | "round":
            return _bounded(name, as_vector(arguments[0]), arguments[1:])
        case _:
            function = _PLAIN[name]
            return mapped(as_vector(arguments[0]), lambda value, _: function(value))


def mapped(vector: Vector, function: Callable[[float, int], float | None]) -> Vector:
    """Map every value, given its step, and drop the names."""
    found = Vector(vector.steps)
    for labels, column in vector.columns.items():
        values: Column = [
            None if value is None else function(value, step) for step, value in enumerate(column)
        ]
        found.put(frames.without_name(labels), values)
    return found


def _scalar(vector: Vector) -> Scalar:
    """Return the value of the only element, NaN where there is none or more."""
    values: list[float] = []
    for step in range(vector.steps):
        present = [
            value for column in vector.columns.values() if (value := column[step]) is not None
        ]
        values.append(present[0] if len(present) == 1 else math.nan)
    return Scalar(values)


def _absent(vector: Vector) -> Vector:
    """Return 1 where there is no element. The argument is no selector, so there are no labels."""
    column: Column = [
        None if any(one[step] is not None for one in vector.columns.values()) else 1.0
        for step in range(vector.steps)
    ]
    return Vector(vector.steps, {(): column})


def _sorted(vector: Vector, *, descending: bool) -> Vector:
    """Order the elements of an instant vector by value, NaN last; several steps have no order."""
    if vector.steps != 1:
        return vector
    sign = -1 if descending else 1

    def rank(value: float | None) -> tuple[bool, float]:
        number = math.nan if value is None else value
        return math.isnan(number), sign * number

    ordered = sorted(vector.columns.items(), key=lambda pair: rank(pair[1][0]))
    return Vector(1, dict(ordered))


def _bounded(name: str, vector: Vector, bounds: Sequence[Frame]) -> Vector:
    limits = [as_scalar(bound).values for bound in bounds]

    def value_at(value: float, step: int) -> float | None:
        at = [limit[step] for limit in limits]
        match name:
            case "clamp_min":
                return arithmetic.maximum(at[0], value)
            case "clamp_max":
                return arithmetic.minimum(at[0], value)
            case "clamp":
                if at[1] < at[0]:
                    return None
                return arithmetic.maximum(at[0], arithmetic.minimum(at[1], value))
            case _:
                inverse = arithmetic.divide(1.0, at[0] if at else 1.0)
                return arithmetic.divide(arithmetic.floor(value * inverse + 0.5), inverse)

    return mapped(vector, value_at)


def _label_replace(
    vector: Vector, target: str, replacement: str, source: str, regex: str
) -> Vector:
    if problem := relabel_regex.problem(regex):
        raise EvaluationError(f"invalid regular expression in label_replace(): {problem}")
    _check_name(target, "label_replace")
    match, template = relabel_regex.matcher(regex), relabel_template.parse(replacement)
    found = Vector(vector.steps)
    for labels, column in vector.columns.items():
        pairs = dict(labels)
        groups = match(pairs.get(source, ""))
        if groups is not None:
            pairs[target] = relabel_template.expand(template, groups)
        _put(found, pairs, column)
    return found


def _label_join(vector: Vector, target: str, separator: str, *sources: str) -> Vector:
    for source in sources:
        _check_name(source, "label_join")
    _check_name(target, "label_join")
    found = Vector(vector.steps)
    for labels, column in vector.columns.items():
        pairs = dict(labels)
        pairs[target] = separator.join(pairs.get(source, "") for source in sources)
        _put(found, pairs, column)
    return found


def _put(found: Vector, pairs: Mapping[str, str], column: Column) -> None:
    labels = frames.labels_of(pairs.items())
    meets = labels in found.columns
    found.put(labels, list(column))
    if meets:
        # At different steps. Some versions of Prometheus merge them, some report an error.
        raise Uncomputable("elements get the same labels at different times")


def _check_name(name: str, function: str) -> None:
    if not is_legacy(name):
        raise Uncomputable(
            f"it depends on the server's version whether {function}() takes {name!r}"
        )
