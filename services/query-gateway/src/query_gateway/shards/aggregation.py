"""Aggregations over a vector that was put together, as Prometheus computes them; pure."""

import math
from collections.abc import Callable

from query_gateway.shards import arithmetic, frames
from query_gateway.shards.frames import Column, EvaluationError, Labels, Scalar, Vector
from tenantry_promql.operations import Grouping

_LARGEST = 2**63


def aggregate(op: str, grouping: Grouping, vector: Vector, parameter: Scalar) -> Vector:
    """Return the aggregated vector. Raises EvaluationError for a parameter that makes no sense."""
    groups: dict[Labels, list[Labels]] = {}
    for labels in vector.columns:
        groups.setdefault(_group(labels, grouping), []).append(labels)
    if op in ("topk", "bottomk"):
        return _chosen(op, groups, vector, parameter)
    found = Vector(vector.steps)
    for group, members in groups.items():
        columns = [vector.columns[labels] for labels in members]
        if op == "quantile":
            found.columns[group] = _quantiles(columns, parameter)
        else:
            found.columns[group] = frames.folded(columns, _FOLDS[op])
    return found


def mean(sums: Vector, counts: Vector) -> Vector:
    """Divide sums by counts. Raises Uncomputable for a sum that is not finite: the mean may be."""
    found = Vector(sums.steps)
    for labels, column in sums.columns.items():
        numbers = counts.columns.get(labels, [None] * sums.steps)
        found.columns[labels] = [
            None if total is None or number is None else _mean(total, number)
            for total, number in zip(column, numbers, strict=True)
        ]
    return found


def _mean(total: float, number: float) -> float:
    if math.isinf(total):
        text = "the sum of values whose average is asked for is not finite"
        raise frames.Uncomputable(text)
    return total / number


def _group(labels: Labels, grouping: Grouping) -> Labels:
    if grouping.without:
        return tuple(
            pair for pair in labels if pair[0] not in grouping.labels and pair[0] != frames.NAME
        )
    return tuple(pair for pair in labels if pair[0] in grouping.labels)


def _deviation(values: list[float]) -> float:
    return arithmetic.root(_variance(values))


def _variance(values: list[float]) -> float:
    """Welford's way, as promql/engine.go goes it.

    Raises Uncomputable for values that are not finite: versions of Prometheus differ about them.
    """
    if not all(map(math.isfinite, values)):
        raise frames.Uncomputable("the deviation of values that are not finite is asked for")
    count, average, squares = 0, 0.0, 0.0
    for value in values:
        count += 1
        delta = value - average
        average += delta / count
        squares += delta * (value - average)
    return squares / count


def _average(values: list[float]) -> float:
    return sum(values) / len(values)


_FOLDS: dict[str, Callable[[list[float]], float]] = {
    "sum": sum,
    "min": frames.least,
    "max": frames.greatest,
    "count": lambda values: float(len(values)),
    "group": lambda _: 1.0,
    "avg": _average,
    "stddev": _deviation,
    "stdvar": _variance,
}


def _quantiles(columns: list[Column], parameter: Scalar) -> Column:
    result: Column = []
    for q, values in zip(parameter.values, zip(*columns, strict=True), strict=True):
        present = [value for value in values if value is not None]
        result.append(quantile(q, present) if present else None)
    return result


def quantile(q: float, values: list[float]) -> float:
    """Return the q-quantile by linear interpolation between ranks (promql/quantile.go, quantile)."""
    if not values or math.isnan(q):
        return math.nan
    if q < 0:
        return -math.inf
    if q > 1:
        return math.inf
    ordered = sorted(values, key=lambda value: (not math.isnan(value), value))
    rank = q * (len(ordered) - 1)
    below = max(0, math.floor(rank))
    above = min(len(ordered) - 1, below + 1)
    weight = rank - math.floor(rank)
    return ordered[below] * (1 - weight) + ordered[above] * weight


def _chosen(
    op: str, groups: dict[Labels, list[Labels]], vector: Vector, parameter: Scalar
) -> Vector:
    kept: dict[Labels, Column] = {}
    for step, number in enumerate(parameter.values):
        size = _size(number)
        for members in groups.values():
            present = [
                (labels, value)
                for labels in members
                if (value := vector.columns[labels][step]) is not None
            ]
            sign = -1 if op == "topk" else 1
            # NaN is chosen last, whichever end is asked for.
            present.sort(key=lambda pair: (math.isnan(pair[1]), sign * pair[1]))
            for labels, value in present[:size]:
                kept.setdefault(labels, [None] * vector.steps)[step] = value
    return Vector(vector.steps, kept)


def _size(number: float) -> int:
    if math.isnan(number):
        raise EvaluationError("Parameter value is NaN")
    if not -_LARGEST <= number < _LARGEST:
        raise EvaluationError(f"Scalar value {number:g} overflows int64")
    return max(0, int(number))
