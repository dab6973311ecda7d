"""A tenant is told what it holds and what becomes of its queries."""

import pytest

import tenantry_promql as promql
from query_gateway import tenant_pages
from query_gateway.failures import Failure
from query_gateway.permission import Limited, Permission

RULES = promql.RuleSet(map(promql.parse_rule, ('{namespace="shop"}', 'up{job="a"}')))


def explain(query: str) -> dict[str, object]:
    upstream = promql.Upstream.strictest()
    return tenant_pages.explanation(query, Permission(RULES), upstream, promql.Limits())


def test_access_is_the_selectors_of_the_rules() -> None:
    assert tenant_pages.access("shop", Permission(RULES)) == {
        "tenant": "shop",
        "selectors": ['up{job="a"}', '{namespace="shop"}'],
        "everything": False,
        "digest": RULES.digest,
        "limited": [],
    }


def test_each_selector_is_explained() -> None:
    found = explain('sum(down) / sum(x{namespace="bank"})')

    assert found["refusal"] == ""
    assert found["rewritten"] == [
        'sum(down{namespace="shop"}) / '
        'sum(x{namespace="bank",__tenantry_never__=~".+",__tenantry_never__!~".+"})'
    ]
    assert found["selectors"] == [
        {
            "line": 1,
            "column": 5,
            "text": "down",
            "outcome": "restricted",
            "admittedBy": ['{namespace="shop"}'],
            "injected": ['namespace="shop"'],
            "conflicts": [],
            "reason": "",
        },
        {
            "line": 1,
            "column": 17,
            "text": 'x{namespace="bank"}',
            "outcome": "empty",
            "admittedBy": [],
            "injected": [],
            "conflicts": [
                {"rule": 'up{job="a"}', "labels": ["__name__"]},
                {"rule": '{namespace="shop"}', "labels": ["namespace"]},
            ],
            "reason": "",
        },
    ]


def test_a_refusal_is_explained_and_not_a_failure() -> None:
    found = explain("info(up)")

    assert found["rewritten"] == []
    assert "info()" in str(found["refusal"])


def test_what_cannot_be_read_is_a_failure() -> None:
    with pytest.raises(Failure) as failure:
        explain("up{")

    assert failure.value.kind == "syntax"


def test_rules_that_count_in_some_clusters_only_are_told_apart() -> None:
    permission = Permission(promql.RuleSet(()), [Limited(frozenset("ba"), RULES)])

    assert tenant_pages.access("shop", permission)["limited"] == [
        {"clusters": ["a", "b"], "selectors": ['up{job="a"}', '{namespace="shop"}']}
    ]
