"""Quantiles of classic histograms."""

import math

import pytest

from query_gateway.shards.bucket_quantile import Bucket, bucket_quantile, histogram_quantile
from query_gateway.shards.frames import EvaluationError, Scalar, Vector

INF, NAN = math.inf, math.nan
PLAIN = [Bucket(1.0, 10.0), Bucket(2.0, 30.0), Bucket(INF, 40.0)]


@pytest.mark.parametrize(
    ("q", "buckets", "expected"),
    [
        pytest.param(0.5, PLAIN, 1.5, id="inside a bucket"),
        pytest.param(0.125, PLAIN, 0.5, id="in the first one, from zero"),
        pytest.param(0.9, PLAIN, 2.0, id="in the last one, its lower bound"),
        pytest.param(-1.0, PLAIN, -INF, id="below zero"),
        pytest.param(2.0, PLAIN, INF, id="above one"),
        pytest.param(0.5, PLAIN[:2], NAN, id="without +Inf"),
        pytest.param(0.5, PLAIN[2:], NAN, id="only +Inf"),
        pytest.param(0.5, [Bucket(1.0, 0.0), Bucket(INF, 0.0)], NAN, id="no observations"),
        pytest.param(0.1, [Bucket(-1.0, 5.0), Bucket(INF, 9.0)], -1.0, id="a negative first bound"),
        pytest.param(
            0.5, [Bucket(1.0, 10.0), Bucket(2.0, 8.0), Bucket(INF, 20.0)], 1.0, id="not monotonic"
        ),
        pytest.param(
            0.5,
            [Bucket(1.0, 10.0), Bucket(2.0, 10.0 + 1e-12), Bucket(INF, 20.0)],
            1.0,
            id="differences by rounding",
        ),
        pytest.param(
            0.5, [Bucket(1.0, 4.0), Bucket(1.0, 6.0), Bucket(2.0, 30.0), Bucket(INF, 40.0)], 1.5,
            id="one bound spelt twice",
        ),
    ],
)  # fmt: skip
def test_a_quantile_is_interpolated(q: float, buckets: list[Bucket], expected: float) -> None:
    found = bucket_quantile(q, buckets)

    assert math.isnan(found) if math.isnan(expected) else found == pytest.approx(expected, 1e-12)


def test_histograms_are_told_apart_by_their_other_labels() -> None:
    vector = Vector(
        2,
        {
            (("__name__", "x"), ("job", "a"), ("le", "1")): [10.0, None],
            (("__name__", "x"), ("job", "a"), ("le", "+Inf")): [20.0, None],
            (("job", "b"), ("le", "1")): [1.0, 1.0],
            (("job", "b"), ("le", "+Inf")): [1.0, 1.0],
            (("job", "c"), ("le", "many")): [1.0, 1.0],
            (("job", "d"),): [1.0, 1.0],
        },
    )

    assert histogram_quantile(Scalar([0.5, 1.0]), vector).columns == {
        (("job", "a"),): [1.0, None],
        (("job", "b"),): [0.5, 1.0],
    }


def test_histograms_that_differ_in_the_name_only_are_an_error() -> None:
    vector = Vector(1, {(("__name__", name), ("le", "+Inf")): [1.0] for name in "xy"})

    with pytest.raises(EvaluationError):
        histogram_quantile(Scalar([0.5]), vector)
