"""Rules as one constraint per label."""

from hypothesis import given
from tests.unit.promql.algebra import RULES, series_of

from tenantry_promql.constraints import cautious_conjunction
from tenantry_promql.normalform import (
    TRUE,
    Rule,
    conjoin,
    constraints_of,
    matchers_of,
    rule_implies,
    rule_of,
)
from tenantry_promql.syntax import Matcher


def rule(*matchers: tuple[str, str, str]) -> Rule | None:
    return rule_of(constraints_of(Matcher(*parts) for parts in matchers).items())  # type: ignore[arg-type]


def test_matchers_of_one_label_become_one_constraint() -> None:
    assert matchers_of(rule(("job", "=~", "a|b"), ("job", "!=", "a")) or TRUE) == (
        Matcher("job", "=", "b"),
    )


def test_a_contradiction_is_no_rule() -> None:
    assert rule(("job", "=", "a"), ("job", "=", "b")) is None


def test_a_matcher_that_says_nothing_disappears() -> None:
    assert rule(("job", "=~", ".*")) == TRUE


def test_the_order_of_matchers_means_nothing() -> None:
    assert rule(("a", "=", "1"), ("b", "=", "2")) == rule(("b", "=", "2"), ("a", "=", "1"))


def test_a_value_that_versions_disagree_about_stays_when_caution_is_asked_for() -> None:
    matchers = [Matcher("job", "=", "é"), Matcher("job", "!~", "(?i)É")]

    assert constraints_of(matchers)["job"].values == frozenset()  # type: ignore[union-attr]
    assert constraints_of(matchers, cautious_conjunction)["job"].values == {"é"}  # type: ignore[union-attr]


@given(RULES, RULES)
def test_conjunction_and_implication(a: Rule, b: Rule) -> None:
    both = conjoin(a, b)

    assert series_of([both] if both is not None else []) == series_of([a]) & series_of([b])
    assert not rule_implies(a, b) or series_of([a]) <= series_of([b])


@given(RULES)
def test_printing_and_reading_a_rule_gives_it_back(a: Rule) -> None:
    again = rule_of(constraints_of(matchers_of(a)).items())

    assert series_of([again] if again is not None else []) == series_of([a])
