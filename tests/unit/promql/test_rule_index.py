"""The index misses no rule that applies."""

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.promql.algebra import MATCHERS, RULES, SERIES, holds

from tenantry_promql.constraints import cautious_conjunction
from tenantry_promql.normalform import Rule, constraints_of
from tenantry_promql.rule_index import RuleIndex
from tenantry_promql.syntax import Matcher


@given(st.lists(RULES, max_size=8), st.sampled_from(SERIES))
def test_every_rule_that_a_series_satisfies_is_found(
    rules: list[Rule], labels: dict[str, str]
) -> None:
    found = RuleIndex(rules).of_series(labels)

    assert {rule for rule in rules if holds(rule, labels)} <= set(found)


@given(st.lists(RULES, max_size=8), st.lists(MATCHERS, max_size=3))
def test_candidates_say_of_selected_series_what_the_rules_say(
    rules: list[Rule], selector: list[Matcher]
) -> None:
    known = constraints_of(selector, cautious_conjunction)
    selected = [labels for labels in SERIES if holds(tuple(known.items()), labels)]

    found = RuleIndex(rules).candidates(known)

    for labels in selected:
        assert any(holds(rule, labels) for rule in found) == any(
            holds(rule, labels) for rule in rules
        )


def test_candidates_keep_the_order_of_the_rules() -> None:
    rules = [
        tuple(constraints_of([Matcher("job", "=", value)]).items()) for value in ("c", "a", "b")
    ]

    assert RuleIndex(rules).candidates({}) == rules


def test_a_pinned_value_finds_its_rules_only() -> None:
    rules = [
        tuple(constraints_of([Matcher("job", "=", str(number))]).items()) for number in range(1000)
    ]

    found = RuleIndex(rules).candidates(constraints_of([Matcher("job", "=", "7")]))

    assert found == [rules[7]]
