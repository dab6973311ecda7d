"""The plan of a query as data."""

from typing import Any

import pytest

import tenantry_promql as promql
from query_gateway.failures import Failure
from query_gateway.permission import Limited, Permission
from query_gateway.route import Route
from query_gateway.shards import explanation

SHOP, EU = (promql.RuleSet([promql.parse_rule(text)]) for text in ('{ns="shop"}', '{ns="eu"}'))
PERMISSION = Permission(SHOP, [Limited(frozenset({"eu"}), EU)])
ROUTES = [
    Route(
        shard=f"s-{cluster}",
        candidates=(),
        upstream=promql.Upstream.strictest(),
        cluster=cluster,
        labels={"cluster": cluster},
    )
    for cluster in ("eu", "us")
]


def explain(query: str) -> Any:
    return explanation.explanation(query, PERMISSION, ROUTES, promql.Limits())


def test_what_each_shard_is_asked_is_told_with_the_rules_that_count_there() -> None:
    found = explain("sum by (job) (up) / on (job) group_left (x) (1 + sum(up))")

    assert found["shards"] == [
        {"name": "s-eu", "cluster": "eu"},
        {"name": "s-us", "cluster": "us"},
    ]
    assert found["plan"] == {
        "operator": "/",
        "bool": False,
        "matching": {"on": ["job"], "cardinality": "many-to-one", "include": ["x"]},
        "of": [
            {"fetch": "sum by (job) (up)", "merge": "sum"},
            {
                "operator": "+",
                "bool": False,
                "of": [{"number": 1.0}, {"fetch": "sum(up)", "merge": "sum"}],
            },
        ],
    }
    assert [(one["shard"], one["query"]) for one in found["requests"]] == [
        ("s-eu", "sum by (job) (up)"),
        ("s-us", "sum by (job) (up)"),
        ("s-eu", "sum(up)"),
        ("s-us", "sum(up)"),
    ]
    assert found["requests"][3]["rewritten"] == ['sum(up{ns="shop"})']
    assert "eu" in found["requests"][2]["rewritten"][0]


@pytest.mark.parametrize(
    ("query", "plan"),
    [
        (
            "avg(up)",
            {"divide": [{"fetch": f"{op}(up)", "merge": "sum"} for op in ("sum", "count")]},
        ),
        (
            "topk without (a) (2, up)",
            {
                "aggregate": "topk",
                "without": ["a"],
                "parameter": {"number": 2.0},
                "of": {"fetch": "topk without (a) (2, up)", "merge": "disjoint"},
            },
        ),
        ("-sum(up)", {"negate": {"fetch": "sum(up)", "merge": "sum"}}),
        (
            'label_join(sum(up), "a", "-", "b")',
            {
                "function": "label_join",
                "of": [
                    {"fetch": "sum(up)", "merge": "sum"},
                    *({"text": text} for text in ("a", "-", "b")),
                ],
            },
        ),
        ('ln(sum(up{cluster="us"}))', {"whole": "s-us"}),
    ],
)
def test_every_kind_of_step_is_told(query: str, plan: object) -> None:
    assert explain(query)["plan"] == plan


def test_a_refusal_is_part_of_it() -> None:
    found = explain("ln(sum(up))")

    assert (found["plan"], found["requests"]) == (None, [])
    assert "ln()" in found["refusal"]


def test_what_is_no_query_cannot_be_explained() -> None:
    with pytest.raises(Failure, match="parse error"):
        explain("sum(")
