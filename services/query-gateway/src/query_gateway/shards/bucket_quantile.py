"""histogram_quantile over classic buckets, as Prometheus computes it (promql/quantile.go); pure."""

import math
from typing import NamedTuple

from query_gateway.shards import frames
from query_gateway.shards.frames import Labels, Scalar, Vector

_BUCKET = "le"
_TOLERANCE = 1e-12


class Bucket(NamedTuple):
    """How many observations were at most `bound`."""

    bound: float
    observed: float


def histogram_quantile(q: Scalar, vector: Vector) -> Vector:
    """Return a quantile per histogram: per set of labels without `le`.

    Raises EvaluationError where histograms differ in the name only, which is dropped.
    """
    histograms: dict[Labels, list[tuple[float, Labels]]] = {}
    for labels in vector.columns:
        bound = _bound(dict(labels).get(_BUCKET, ""))
        if bound is not None:
            rest = tuple(pair for pair in labels if pair[0] != _BUCKET)
            histograms.setdefault(rest, []).append((bound, labels))
    found = Vector(vector.steps)
    for rest, members in histograms.items():
        column: frames.Column = []
        for step, wanted in enumerate(q.values):
            buckets = [
                Bucket(bound, value)
                for bound, labels in members
                if (value := vector.columns[labels][step]) is not None
            ]
            column.append(bucket_quantile(wanted, buckets) if buckets else None)
        found.put(frames.without_name(rest), column)
    return found


def _bound(text: str) -> float | None:
    """Return the upper bound that a label says, None where it says none: such an element is left out."""
    try:
        return None if "_" in text or text != text.strip() else float(text)
    except ValueError:
        return None


def bucket_quantile(q: float, found: list[Bucket]) -> float:
    """Return the q-quantile by linear interpolation inside a bucket."""
    if math.isnan(q):
        return math.nan
    if q < 0:
        return -math.inf
    if q > 1:
        return math.inf
    buckets = _monotonic(_coalesced(sorted(found)))
    if not math.isinf(buckets[-1].bound) or buckets[-1].bound < 0 or len(buckets) < 2:
        return math.nan
    observations = buckets[-1].observed
    if observations == 0 or math.isnan(observations):
        return math.nan
    rank = q * observations
    index = next(
        (i for i, one in enumerate(buckets[:-1]) if one.observed >= rank), len(buckets) - 1
    )
    if index == len(buckets) - 1:
        return buckets[-2].bound
    if index == 0 and buckets[0].bound <= 0:
        return buckets[0].bound
    start, end, count = 0.0, buckets[index].bound, buckets[index].observed
    if index > 0:
        start = buckets[index - 1].bound
        count -= buckets[index - 1].observed
        rank -= buckets[index - 1].observed
    return start + (end - start) * (rank / count)


def _coalesced(buckets: list[Bucket]) -> list[Bucket]:
    """Add up buckets of one bound, which `le` may spell in several ways."""
    added: list[Bucket] = []
    for bucket in buckets:
        if added and added[-1].bound == bucket.bound:
            added[-1] = Bucket(bucket.bound, added[-1].observed + bucket.observed)
        else:
            added.append(bucket)
    return added


def _monotonic(buckets: list[Bucket]) -> list[Bucket]:
    """Raise counts below those of narrower buckets, and level differences that rounding made.

    Prometheus levels since 2.50; before, such a difference decides which bucket a quantile is in.
    """
    raised: list[Bucket] = []
    for bucket in buckets:
        count = bucket.observed
        if raised and (count < raised[-1].observed or _nearly_equal(count, raised[-1].observed)):
            count = raised[-1].observed
        raised.append(Bucket(bucket.bound, count))
    return raised


def _nearly_equal(one: float, other: float) -> bool:
    total = abs(one) + abs(other)
    return 0 < total < math.inf and abs(one - other) / total < _TOLERANCE
