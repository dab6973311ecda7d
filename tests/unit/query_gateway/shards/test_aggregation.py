"""Aggregations over what was put together."""

import math

import pytest

from query_gateway.shards import aggregation
from query_gateway.shards.frames import EvaluationError, Labels, Scalar, Uncomputable, Vector
from tenantry_promql.operations import Grouping

NAN = math.nan


def element(job: str, instance: str) -> Labels:
    return (("__name__", "x"), ("instance", instance), ("job", job))


VECTOR = Vector(
    2,
    {
        element("a", "1"): [1.0, 4.0],
        element("a", "2"): [3.0, None],
        element("b", "1"): [2.0, 2.0],
    },
)
A, B = (("job", "a"),), (("job", "b"),)
BY_JOB = Grouping(("job",))


@pytest.mark.parametrize(
    ("op", "of_a"),
    [
        ("sum", [4.0, 4.0]),
        ("count", [2.0, 1.0]),
        ("avg", [2.0, 4.0]),
        ("min", [1.0, 4.0]),
        ("max", [3.0, 4.0]),
        ("group", [1.0, 1.0]),
        ("stdvar", [1.0, 0.0]),
        ("stddev", [1.0, 0.0]),
    ],
)
def test_each_step_is_folded_over_the_elements_of_a_group(op: str, of_a: list[float]) -> None:
    found = aggregation.aggregate(op, BY_JOB, VECTOR, Scalar([0.0, 0.0])).columns

    assert found[A] == of_a
    assert found[B][1] == {"count": 1.0, "group": 1.0, "stdvar": 0.0, "stddev": 0.0}.get(op, 2.0)


def test_grouping_without_drops_the_name_too() -> None:
    grouping = Grouping(("instance",), without=True)

    assert set(aggregation.aggregate("sum", grouping, VECTOR, Scalar([0.0, 0.0])).columns) == {A, B}


@pytest.mark.parametrize(
    ("op", "size", "chosen"),
    [
        pytest.param("topk", 1.0, {("a", "2")}, id="the largest"),
        pytest.param("bottomk", 1.0, {("a", "1")}, id="the smallest"),
        pytest.param("topk", 2.9, {("a", "2"), ("b", "1")}, id="a fraction is cut off"),
        pytest.param("topk", -1.0, set(), id="none"),
    ],
)
def test_elements_are_chosen_with_their_labels(
    op: str, size: float, chosen: set[tuple[str, str]]
) -> None:
    found = aggregation.aggregate(op, Grouping(), VECTOR, Scalar([size, 0.0]))

    assert set(found.columns) == {element(*one) for one in chosen}
    assert all(column[1] is None for column in found.columns.values())


@pytest.mark.parametrize("size", [NAN, math.inf, 1e300])
def test_a_number_of_elements_that_makes_no_sense_is_an_error(size: float) -> None:
    with pytest.raises(EvaluationError):
        aggregation.aggregate("topk", Grouping(), VECTOR, Scalar([size, size]))


@pytest.mark.parametrize(
    ("q", "values", "expected"),
    [
        (0.5, [1.0, 3.0], 2.0),
        (0.0, [1.0, 3.0], 1.0),
        (1.0, [1.0, 3.0], 3.0),
        (-0.1, [1.0], -math.inf),
        (1.1, [1.0], math.inf),
        (0.25, [4.0, 1.0, 2.0, 3.0, 0.0], 1.0),
    ],
)
def test_quantiles_are_interpolated(q: float, values: list[float], expected: float) -> None:
    assert aggregation.quantile(q, values) == expected


def test_quantiles_of_nothing_and_of_no_rank_are_no_numbers() -> None:
    assert math.isnan(aggregation.quantile(0.5, []))
    assert math.isnan(aggregation.quantile(NAN, [1.0]))
    assert math.isnan(aggregation.quantile(0.0, [1.0, NAN]))


def test_what_is_no_number_is_chosen_last() -> None:
    vector = Vector(1, {element("a", "1"): [NAN], element("b", "1"): [-1.0]})

    for op in ("topk", "bottomk"):
        found = aggregation.aggregate(op, Grouping(), vector, Scalar([1.0]))
        assert set(found.columns) == {element("b", "1")}


def test_a_deviation_of_what_is_not_finite_is_refused() -> None:
    with pytest.raises(Uncomputable):
        aggregation.aggregate("stddev", Grouping(), Vector(1, {A: [math.inf]}), Scalar([0.0]))


def test_a_mean_is_refused_where_the_sum_overflowed() -> None:
    counts = Vector(1, {A: [2.0]})

    assert aggregation.mean(Vector(1, {A: [3.0]}), counts).columns == {A: [1.5]}
    with pytest.raises(Uncomputable):
        aggregation.mean(Vector(1, {A: [math.inf]}), counts)
