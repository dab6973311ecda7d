"""The leaves of a plan."""

from query_gateway.shards.plans import (
    Aggregated,
    Applied,
    Combined,
    Fetch,
    Mean,
    Negated,
    Number,
    fetches,
)
from tenantry_promql.operations import Grouping

A, B, C = (Fetch(name, "disjoint") for name in "abc")


def test_every_leaf_is_found_once_and_in_order() -> None:
    plan = Combined(
        "+",
        Aggregated("topk", Grouping(), Negated(A), Applied("scalar", (B,))),
        Applied("clamp_min", (Mean(C, A), Number(1.0))),
    )

    assert fetches(plan) == (B, A, C)
