"""Numbers as Go computes them."""

import math

import pytest

from query_gateway.shards import arithmetic

INF, NAN = math.inf, math.nan


def same(one: float, other: float) -> bool:
    if math.isnan(one) or math.isnan(other):
        return math.isnan(one) and math.isnan(other)
    return one == other and math.copysign(1, one) == math.copysign(1, other)


@pytest.mark.parametrize(
    ("left", "right", "quotient", "rest"),
    [
        (1.0, 0.0, INF, NAN),
        (-1.0, 0.0, -INF, NAN),
        (1.0, -0.0, -INF, NAN),
        (0.0, 0.0, NAN, NAN),
        (INF, INF, NAN, NAN),
        (5.0, INF, 0.0, 5.0),
        (-7.0, 3.0, -7 / 3, -1.0),
        (NAN, 0.0, NAN, NAN),
    ],
)
def test_division_has_a_result_for_everything(
    left: float, right: float, quotient: float, rest: float
) -> None:
    assert same(arithmetic.divide(left, right), quotient)
    assert same(arithmetic.remainder(left, right), rest)


@pytest.mark.parametrize(
    ("value", "below", "above"),
    [
        (0.5, 0.0, 1.0),
        (-0.5, -1.0, -0.0),
        (-0.0, -0.0, -0.0),
        (2.0, 2.0, 2.0),
        (INF, INF, INF),
        (NAN, NAN, NAN),
        (1e300, 1e300, 1e300),
    ],
)
def test_rounding_keeps_signs_and_infinities(value: float, below: float, above: float) -> None:
    assert same(arithmetic.floor(value), below)
    assert same(arithmetic.ceil(value), above)


def test_nan_wins_and_zeros_have_signs() -> None:
    assert math.isnan(arithmetic.minimum(NAN, -INF))
    assert math.isnan(arithmetic.maximum(INF, NAN))
    assert same(arithmetic.minimum(0.0, -0.0), -0.0)
    assert same(arithmetic.maximum(-0.0, 0.0), 0.0)


def test_roots_and_signs() -> None:
    assert arithmetic.root(4.0) == 2.0
    assert math.isnan(arithmetic.root(-1.0))
    assert [arithmetic.sign(value) for value in (-3.0, 3.0)] == [-1.0, 1.0]
    assert same(arithmetic.sign(-0.0), -0.0)
