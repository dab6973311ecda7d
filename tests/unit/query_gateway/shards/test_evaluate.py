"""Plans, computed."""

from query_gateway.shards.evaluate import evaluate
from query_gateway.shards.frames import Frame, Scalar, Vector, as_scalar, as_vector
from query_gateway.shards.plans import (
    Aggregated,
    Applied,
    Combined,
    Fetch,
    Mean,
    Negated,
    Number,
    Plan,
)
from tenantry_promql.operations import Grouping, Matching

A, B = (("job", "a"),), (("job", "b"),)
X, Y = Fetch("x", "disjoint"), Fetch("y", "disjoint")
FETCHED: dict[Fetch, Frame] = {
    X: Vector(1, {A: [6.0], B: [4.0]}),
    Y: Vector(1, {A: [2.0], B: [4.0]}),
}


def worth(plan: Plan) -> Frame:
    return evaluate(plan, FETCHED, 1)


def test_every_kind_of_plan_has_a_worth() -> None:
    quotient = Combined("/", X, Y, matching=Matching("one-to-one"))

    assert as_vector(worth(quotient)).columns == {A: [3.0], B: [1.0]}
    assert as_vector(worth(Mean(X, Y))).columns == {A: [3.0], B: [1.0]}
    assert as_vector(worth(Negated(X))).columns == {A: [-6.0], B: [-4.0]}
    assert as_vector(worth(Aggregated("sum", Grouping(), quotient))).columns == {(): [4.0]}
    chosen = Aggregated("topk", Grouping(), X, Number(1.0))
    assert as_vector(worth(chosen)).columns == {A: [6.0]}
    scalar = Applied("scalar", (chosen,))
    assert as_scalar(worth(Negated(Combined("*", scalar, Number(2.0))))).values == [-12.0]
    assert isinstance(worth(Number(1.0)), Scalar)
