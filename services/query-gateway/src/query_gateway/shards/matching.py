"""Binary operations between vectors and numbers, as Prometheus computes them (promql/engine.go); pure."""

from collections.abc import Callable, Sequence

from query_gateway.shards import frames
from query_gateway.shards.arithmetic import ARITHMETIC, COMPARISONS
from query_gateway.shards.frames import Column, EvaluationError, Frame, Labels, Scalar, Vector
from tenantry_promql.operations import Matching

type _Sides = dict[Labels, list[Labels]]

_AMBIGUOUS = (
    "found duplicate series for the match group; many-to-many matching not allowed: matching labels "
    "must be unique on one side"
)
_EXPLICIT = (
    "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"
)
_GROUPED = "multiple matches for labels: grouping labels must ensure unique matches"


def combine(
    op: str, left: Frame, right: Frame, matching: Matching | None, *, returns_bool: bool
) -> Frame:
    """Return what a binary operation is worth. Raises EvaluationError where Prometheus answers with one."""
    if isinstance(left, Scalar) and isinstance(right, Scalar):
        function = _as_number(op) if op in COMPARISONS else ARITHMETIC[op]
        return Scalar([function(a, b) for a, b in zip(left.values, right.values, strict=True)])
    if isinstance(left, Vector) and isinstance(right, Vector):
        how = matching or Matching("one-to-one")
        if op in ("and", "or", "unless"):
            return _set(op, left, right, how)
        return _matched(op, left, right, how, returns_bool=returns_bool)
    return _with_number(op, left, right, returns_bool=returns_bool)


def _as_number(op: str) -> Callable[[float, float], float]:
    compare = COMPARISONS[op]
    return lambda left, right: float(compare(left, right))


def _with_number(op: str, left: Frame, right: Frame, *, returns_bool: bool) -> Vector:
    vector = frames.as_vector(left if isinstance(left, Vector) else right)
    found = Vector(vector.steps)
    filters = op in COMPARISONS and not returns_bool
    for labels, column in vector.columns.items():
        values: Column = []
        for step, value in enumerate(column):
            if value is None:
                values.append(None)
                continue
            a = left.values[step] if isinstance(left, Scalar) else value
            b = right.values[step] if isinstance(right, Scalar) else value
            values.append(_result(op, a, b, value, filters=filters))
        found.put(labels if filters else frames.without_name(labels), values)
    return found


def _result(op: str, left: float, right: float, kept: float, *, filters: bool) -> float | None:
    """Return the value of an element, `kept` of one that a comparison lets pass, or None."""
    if op in ARITHMETIC:
        return ARITHMETIC[op](left, right)
    holds = COMPARISONS[op](left, right)
    return (kept if holds else None) if filters else float(holds)


def _signature(matching: Matching) -> Callable[[Labels], Labels]:
    chosen = frozenset(matching.labels)
    if matching.on:
        return lambda labels: tuple(pair for pair in labels if pair[0] in chosen)
    ignored = chosen | {frames.NAME}
    return lambda labels: tuple(pair for pair in labels if pair[0] not in ignored)


def _sides(vector: Vector, signature: Callable[[Labels], Labels]) -> _Sides:
    sides: _Sides = {}
    for labels in vector.columns:
        sides.setdefault(signature(labels), []).append(labels)
    return sides


def _present(vector: Vector, members: Sequence[Labels], step: int) -> bool:
    return any(vector.columns[labels][step] is not None for labels in members)


def _set(op: str, left: Vector, right: Vector, matching: Matching) -> Vector:
    signature = _signature(matching)
    ours, theirs = _sides(left, signature), _sides(right, signature)
    found = Vector(left.steps)
    wanted = op == "and"
    for labels, column in left.columns.items():
        others = theirs.get(signature(labels), ())
        kept = column
        if op != "or":
            kept = [
                value if _present(right, others, step) is wanted else None
                for step, value in enumerate(column)
            ]
        found.put(labels, list(kept))
    if op == "or":
        for labels, column in right.columns.items():
            others = ours.get(signature(labels), ())
            added = [
                None if _present(left, others, step) else value for step, value in enumerate(column)
            ]
            found.put(labels, added)
    return found


def _matched(
    op: str, left: Vector, right: Vector, matching: Matching, *, returns_bool: bool
) -> Vector:
    swapped = matching.cardinality == "one-to-many"
    many, one = (right, left) if swapped else (left, right)
    signature = _signature(matching)
    ones = _sides(one, signature)
    groups = _sides(many, signature)
    filters = op in COMPARISONS and not returns_bool
    found = Vector(left.steps)
    for step in range(left.steps):
        if not (
            _present(many, list(many.columns), step) and _present(one, list(one.columns), step)
        ):
            continue
        for mark, members in ones.items():
            partners = [labels for labels in members if one.columns[labels][step] is not None]
            if len(partners) > 1:
                raise EvaluationError(_AMBIGUOUS)
            if not partners:
                continue
            taken: set[Labels] = set()
            for labels in groups.get(mark, ()):
                value, other = many.columns[labels][step], one.columns[partners[0]][step]
                if value is None or other is None:
                    continue
                a, b = (other, value) if swapped else (value, other)
                result = _result(op, a, b, a, filters=filters)
                if result is None:
                    continue
                metric = _metric(labels, partners[0], op, matching, returns_bool=returns_bool)
                if taken and matching.cardinality == "one-to-one":
                    raise EvaluationError(_EXPLICIT)
                if metric in taken:
                    raise EvaluationError(_GROUPED)
                taken.add(metric)
                column = found.columns.setdefault(metric, [None] * left.steps)
                if column[step] is not None:
                    raise EvaluationError("vector cannot contain metrics with the same labelset")
                column[step] = result
    return found


def _metric(
    many: Labels, one: Labels, op: str, matching: Matching, *, returns_bool: bool
) -> Labels:
    """Return the labels of a result (resultMetric)."""
    labels = dict(many)
    if op in ARITHMETIC or returns_bool:
        labels.pop(frames.NAME, None)
    if matching.cardinality == "one-to-one":
        labels = {
            name: value
            for name, value in labels.items()
            if (name in matching.labels) is matching.on
        }
    others = dict(one)
    for name in matching.include:
        labels[name] = others.get(name, "")
    return frames.labels_of(labels.items())
