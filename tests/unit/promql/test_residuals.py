"""What rules still demand of a selector."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.promql.algebra import MATCHERS, RULES, SERIES, holds

from tenantry_promql.constraints import cautious_conjunction
from tenantry_promql.normalform import Rule, constraints_of, matchers_of
from tenantry_promql.residuals import Residuals, conflicts, residuals
from tenantry_promql.rule_index import RuleIndex
from tenantry_promql.rules import RuleSet
from tenantry_promql.selectors import format_selector, parse_selector
from tenantry_promql.simplify import simplify
from tenantry_promql.syntax import Matcher


def left_of(selector: Sequence[Matcher], rules: Sequence[Rule]) -> Residuals:
    index = RuleIndex(rules)
    narrowed, _ = index.narrowed(selector)
    return residuals(narrowed, index)


@settings(max_examples=400)
@given(st.lists(RULES, max_size=5), st.lists(MATCHERS, max_size=3))
def test_selector_and_residuals_are_selector_and_rules(
    rules: list[Rule], selector: list[Matcher]
) -> None:
    simplified = simplify(rules)
    # RE2 is the judge of the selector here, as it is of the rules.
    selected = tuple(constraints_of(selector).items())

    left = left_of(selector, simplified).rules

    for labels in SERIES:
        if holds(selected, labels):
            assert any(holds(rule, labels) for rule in rules) == any(
                holds(rule, labels) for rule in left
            )


@settings(max_examples=200)
@given(st.lists(RULES, max_size=5), st.lists(MATCHERS, min_size=1, max_size=3))
def test_a_label_that_is_pinned_within_ascii_never_occurs(
    rules: list[Rule], selector: list[Matcher]
) -> None:
    plain = [rule for rule in rules if all(m.value.isascii() for m in matchers_of(rule))]
    pinned = {
        m.label for m in selector if m.op == "=" and m.value.isascii() and "\n" not in m.value
    }

    left = left_of(selector, simplify(plain)).rules

    assert not any(label in pinned for rule in left for label, _ in rule)


@pytest.mark.parametrize(
    ("rules", "selector", "expected"),
    [
        pytest.param(["up"], "up", ["{}"], id="inside the rule"),
        pytest.param(["up"], "down", [], id="outside"),
        pytest.param([], "up", [], id="no rules permit nothing"),
        pytest.param(["{}"], "up", ["{}"], id="an empty rule permits everything"),
        pytest.param(['{ns="shop"}'], "up", ['{ns="shop"}'], id="a label to add"),
        pytest.param(['{ns="shop"}'], 'up{ns="shop"}', ["{}"], id="a label that is there already"),
        pytest.param(['{ns="shop"}'], 'up{ns="pay"}', [], id="a label that contradicts"),
        pytest.param(['{ns="shop"}'], 'up{ns=~"shop|pay"}', ['{ns="shop"}'], id="a set is cut down"),
        pytest.param(['{ns=~"sh.*"}'], 'up{ns=~"shop|pay"}', ['{ns="shop"}'], id="also by an expression"),
        pytest.param(['{ns=~"shop|pay"}'], 'up{ns=~"sh.*"}', ['{ns="shop"}'], id="or the other way round"),
        pytest.param(['{ns!="infra"}'], 'up{ns!~"infra|x"}', ["{}"], id="an exclusion that is there already"),
        pytest.param(['{ns=~"a.*",ns!="ab"}'], 'up{ns=~"a.+"}', ['{ns!="ab"}'], id="only the missing part is added"),
        pytest.param(['up{ns="a"}', 'up{job="b"}', "other"], "up", ['{ns="a"}', '{job="b"}'], id="several remain"),
        pytest.param(['a{ns="x"}', 'b{ns="y"}'], '{__name__=~"a|b"}', ['a{ns="x"}', 'b{ns="y"}'], id="names are demanded of nameless selectors"),
        pytest.param(['{ns="x",job="a"}', '{ns="y",job="a"}' ], 'up{job="a"}', ['{ns=~"x|y"}'], id="what remains is merged again"),
        pytest.param(['{ns="",job="a"}'], 'up{job="a"}', ['{ns=""}'], id="a missing label can be demanded"),
        pytest.param(['{ns="a"}'], 'up{ns=~"a.*",ns=~"b.*"}', [], id="a selector that contradicts itself"),
        pytest.param(['{ns="a"}'], 'up{ns="a",ns="b"}', [], id="by two values"),
        pytest.param(["up"], 'up{job="a",job="b"}', ["{}"], id="in what the rules do not ask about"),
        pytest.param(['{ns=~"(?i)É"}'], 'up{ns="é"}', ['{ns=~"(?i)É"}'], id="what versions disagree about is left to Prometheus"),
    ],
)  # fmt: skip
def test_table(rules: list[str], selector: str, expected: list[str]) -> None:
    left = RuleSet(map(parse_selector, rules)).residuals(parse_selector(selector))

    assert sorted(map(format_selector, left)) == sorted(expected)


@pytest.mark.parametrize(
    ("selector", "rule", "labels"),
    [
        pytest.param('up{ns="x"}', 'up{ns="y"}', ("ns",), id="one label"),
        pytest.param('up{ns="x"}', 'down{ns="y"}', ("__name__", "ns"), id="two"),
        pytest.param('up{ns="x"}', '{job="y"}', (), id="none"),
        pytest.param('up{ns="x",ns="y"}', '{job="y"}', ("ns",), id="the selector with itself"),
    ],
)
def test_conflicts(selector: str, rule: str, labels: tuple[str, ...]) -> None:
    demanded = tuple(sorted(constraints_of(parse_selector(rule)).items()))

    assert conflicts(parse_selector(selector), demanded) == labels


def test_effort_counts_rules_and_values() -> None:
    rules = simplify(
        [tuple(constraints_of(parse_selector(f'{{ns="{value}"}}')).items()) for value in "abc"]
    )

    assert left_of(parse_selector("up"), rules).effort == 1
    assert left_of(parse_selector('{ns=~"a.*"}'), rules).effort == 4


def test_caution_is_what_residuals_of_a_selector_are_made_with() -> None:
    assert (
        constraints_of(parse_selector('{ns="é",ns=~"(?i)É"}'), cautious_conjunction)["ns"]
        == (constraints_of(parse_selector('{ns="é"}'))["ns"])
    )
