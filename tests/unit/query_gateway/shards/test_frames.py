"""How the answers of several shards merge."""

import math

import pytest

from query_gateway.shards import frames
from query_gateway.shards.frames import EvaluationError, Scalar, Uncomputable, Vector
from query_gateway.shards.plans import Merge

A, B = (("job", "a"),), (("job", "b"),)


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        pytest.param("sum", {A: [4.0, 2.0], B: [5.0, None]}, id="sum"),
        pytest.param("min", {A: [1.0, 2.0], B: [5.0, None]}, id="min"),
        pytest.param("max", {A: [3.0, 2.0], B: [5.0, None]}, id="max"),
        pytest.param("everywhere", {A: [1.0, None]}, id="only what all have"),
        pytest.param("any", {A: [1.0, 2.0]}, id="one is as good as another"),
    ],
)
def test_elements_with_equal_labels_merge_step_by_step(how: Merge, expected: object) -> None:
    one = Vector(2, {A: [1.0, 2.0]})
    other = Vector(2, {A: [3.0, None], B: [5.0, None]})

    assert frames.merged(how, [one, other]).columns == expected


def test_a_series_may_change_its_shard_but_not_be_in_two_at_once() -> None:
    before, after = Vector(2, {A: [1.0, None]}), Vector(2, {A: [None, 2.0]})

    assert frames.merged("disjoint", [before, after]).columns == {A: [1.0, 2.0]}
    with pytest.raises(Uncomputable, match="same labels"):
        frames.merged("disjoint", [Vector(2, {A: [1.0, 1.0]}), Vector(2, {A: [None, 2.0]})])
    with pytest.raises(Uncomputable, match="same labels"):
        frames.merged("distinct", [Vector(2, {A: [1.0, None]}), Vector(2, {A: [None, 2.0]})])


def test_not_a_number_is_least_and_greatest_only_where_nothing_else_is() -> None:
    assert frames.least([math.nan, 2.0]) == frames.greatest([2.0, math.nan]) == 2.0
    assert math.isnan(frames.least([math.nan]))


def test_labels_without_value_are_none() -> None:
    assert frames.labels_of([("b", "2"), ("a", ""), ("__name__", "x")]) == (
        ("__name__", "x"),
        ("b", "2"),
    )


def test_two_elements_with_the_same_labels_are_an_error() -> None:
    vector = Vector(1)
    vector.put(A, [1.0])

    with pytest.raises(EvaluationError, match="same labelset"):
        vector.put(A, [1.0])


def test_a_frame_is_what_was_planned() -> None:
    with pytest.raises(TypeError):
        frames.as_vector(Scalar([1.0]))
    with pytest.raises(TypeError):
        frames.as_scalar(Vector(1))
