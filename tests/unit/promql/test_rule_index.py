"""What is left of the rules."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from tests.unit.promql.algebra import MATCHERS, RULES, SERIES, holds

from tenantry_promql.constraints import cautious_conjunction
from tenantry_promql.normalform import Rule, constraints_of, matchers_of
from tenantry_promql.rule_index import Narrowed, RuleIndex
from tenantry_promql.selectors import format_selector, parse_selector
from tenantry_promql.syntax import Matcher


def rule(selector: str) -> Rule:
    return tuple(sorted(constraints_of(parse_selector(selector)).items()))


def left(rules: Sequence[str], selector: str) -> list[str]:
    index = RuleIndex(list(map(rule, rules)))
    narrowed, _ = index.narrowed(parse_selector(selector))
    known = constraints_of(narrowed.others, cautious_conjunction)
    return [format_selector(matchers_of(one)) for one in index.left(narrowed, known)[0]]


@given(st.lists(RULES, max_size=8), st.sampled_from(SERIES))
def test_a_series_is_permitted_by_a_rule_that_it_satisfies(
    rules: list[Rule], labels: dict[str, str]
) -> None:
    assert RuleIndex(rules).permits(labels) == any(holds(rule, labels) for rule in rules)


@given(st.lists(RULES, max_size=8), st.lists(MATCHERS, max_size=4))
def test_rules_that_are_left_say_of_selected_series_what_the_rules_say(
    rules: list[Rule], selector: list[Matcher]
) -> None:
    selected = tuple(constraints_of(selector).items())
    index = RuleIndex(rules)

    narrowed, _ = index.narrowed(selector)
    found, _ = index.left(narrowed, constraints_of(narrowed.others, cautious_conjunction))

    for labels in SERIES:
        if holds(selected, labels):
            assert any(holds(rule, labels) for rule in found) == any(
                holds(rule, labels) for rule in rules
            )


@given(st.lists(RULES, max_size=5), st.lists(MATCHERS, max_size=4))
def test_a_decided_label_is_neither_in_the_rules_that_are_left_nor_in_the_other_matchers(
    rules: list[Rule], selector: list[Matcher]
) -> None:
    index = RuleIndex(rules)

    narrowed, _ = index.narrowed(selector)
    found, changed = index.left(narrowed, {})

    pinned = {one.label for one in selector if one.op == "="} - {
        one.label for one in narrowed.others if one.op == "="
    }
    assert pinned.isdisjoint(label for rule in found for label, _ in rule)
    assert changed == any(rule not in rules for rule in found)


def test_rules_keep_their_order() -> None:
    assert left(['{job="c"}', '{job="a"}', '{job="b"}'], "up") == ['{job="c"}', '{job="a"}', '{job="b"}']  # fmt: skip


def test_a_pinned_value_decides() -> None:
    rules = ['{job="a",ns="x"}', '{job="b"}', '{ns="y"}', '{job=~"a.*",env!="z"}']

    assert left(rules, '{job="a"}') == ['{ns="x"}', '{ns="y"}', '{env!="z"}']


def test_a_set_of_values_leaves_rules_out() -> None:
    rules = ['{job="a"}', '{job="b"}', '{job=~"x.*"}', '{ns="y"}']

    assert left(rules, '{job=~"b|c"}') == ['{job="b"}', '{job=~"x.*"}', '{ns="y"}']


def test_selectors_are_alike_for_rules_that_ask_no_more() -> None:
    index = RuleIndex([rule('up{job=~"a.*"}'), rule('{ns="x"}')])

    assert index.narrowed(parse_selector('up{job="ab",le="1"}')) == (
        Narrowed(0b11, 0b11, ()),
        0,
    )
    assert (
        index.narrowed(parse_selector('up{job="ac",instance!="y"}'))[0]
        == index.narrowed(parse_selector('up{job="ab",le="1"}'))[0]
    )


def test_what_versions_disagree_about_is_not_decided() -> None:
    index = RuleIndex([rule('{ns=~"(?i)\u00c9"}')])

    narrowed, effort = index.narrowed(parse_selector('{ns="\u00e9"}'))

    assert (narrowed.decided, narrowed.others, effort) == (0, (Matcher("ns", "=", "\u00e9"),), 1)


def test_rules_that_are_out_already_are_not_tried() -> None:
    index = RuleIndex([rule(f'm{n}{{job=~"a{n}[b]"}}') for n in range(100)])

    assert index.narrowed(parse_selector('{__name__="m1",job="a1b"}'))[1] == 1


def test_newlines_are_left_to_prometheus() -> None:
    index = RuleIndex([rule('{ns=~"a.*"}')])

    narrowed, _ = index.narrowed([Matcher("ns", "=", "a\n")])

    assert (narrowed.decided, narrowed.others) == (0, (Matcher("ns", "=", "a\n"),))
