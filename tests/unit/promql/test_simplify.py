"""Fewer rules with the same union."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.promql.algebra import RULES, series_of

from tenantry_promql.normalform import (
    TRUE,
    Rule,
    constraints_of,
    matchers_of,
    rule_implies,
    rule_of,
)
from tenantry_promql.selectors import format_selector, parse_selector
from tenantry_promql.simplify import simplify


def rules(*selectors: str) -> list[Rule]:
    found = [rule_of(constraints_of(parse_selector(text)).items()) for text in selectors]
    return [rule for rule in found if rule is not None]


@settings(max_examples=300)
@given(st.lists(RULES, max_size=6))
def test_the_union_stays_the_same(given_rules: list[Rule]) -> None:
    simplified = simplify(given_rules)

    assert series_of(simplified) == series_of(given_rules)
    assert len(simplified) <= len(given_rules)


@given(st.lists(RULES, max_size=6))
def test_simplified_rules_are_as_simple_as_they_get(given_rules: list[Rule]) -> None:
    simplified = simplify(given_rules)

    assert simplify(simplified) == simplified


@settings(max_examples=30)
@given(st.lists(RULES, min_size=17, max_size=40))
def test_the_index_finds_every_container(given_rules: list[Rule]) -> None:
    simplified = simplify(given_rules)

    assert not any(
        rule_implies(rule, other)
        for rule in simplified
        for other in simplified
        if rule is not other
    )


@pytest.mark.parametrize(
    ("given_rules", "expected"),
    [
        pytest.param(["a", "b", "c"], ['{__name__=~"a|b|c"}'], id="names become one expression"),
        pytest.param(['a{x="1"}', 'b{x="1"}'], ['{__name__=~"a|b",x="1"}'], id="names with the same labels"),
        pytest.param(['a{x="1"}', 'a{x="2"}'], ['a{x=~"1|2"}'], id="values of one label"),
        pytest.param(['{x="1"}', '{x!="1"}'], ["{}"], id="complements are everything"),
        pytest.param(["a", 'a{x="1"}'], ["a"], id="a rule inside another"),
        pytest.param(['{x="1"}', 'a{x="1"}'], ['{x="1"}'], id="a rule inside a nameless one"),
        pytest.param(['{__name__=~"n_.*"}', "n_a"], ['{__name__=~"n_.*"}'], id="a name inside an expression"),
        pytest.param(["{}", "a"], ["{}"], id="everything swallows the rest"),
        pytest.param(['a{x="1"}', 'b{y="1"}'], ['a{x="1"}', 'b{y="1"}'], id="different labels stay apart"),
        pytest.param(['a{x="1",y="1"}', 'a{x="2",y="1"}', 'a{x="1",y="2"}', 'a{x="2",y="2"}'], ['a{x=~"1|2",y=~"1|2"}'], id="a square merges twice"),
    ],
)  # fmt: skip
def test_simplify(given_rules: list[str], expected: list[str]) -> None:
    assert [
        format_selector(matchers_of(rule)) for rule in simplify(rules(*given_rules))
    ] == expected


def test_a_thousand_names_become_one_rule() -> None:
    names = [f"metric_{number}" for number in range(1000)]

    assert len(simplify(rules(*names))) == 1


def test_nothing_stays_nothing() -> None:
    assert simplify([]) == []
    assert simplify([TRUE, TRUE]) == [TRUE]
