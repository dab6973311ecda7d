"""Rule sets."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.promql.algebra import MATCHERS, RULES, SERIES, series_of
from tests.unit.promql.mini_oracle import matches

from tenantry_promql import Matcher, RuleError, RuleSet, format_selector, parse_rule
from tenantry_promql.normalform import matchers_of
from tenantry_promql.rules import selector_of_rule


def rule_set(*rules: str) -> RuleSet:
    return RuleSet(map(parse_rule, rules))


def test_rules_are_simplified_when_they_are_given() -> None:
    assert rule_set("a", "b", 'a{x="1"}').rules == ((Matcher("__name__", "=~", "a|b"),),)


def test_the_order_of_rules_means_nothing() -> None:
    one, other = rule_set("a", '{x="1"}', '{y="2"}'), rule_set('{y="2"}', "a", '{x="1"}')

    assert (one, one.digest, one.rules) == (other, other.digest, other.rules)


@given(st.lists(st.lists(MATCHERS, max_size=2), max_size=4), st.randoms())
def test_the_digest_depends_on_the_set_of_rules_only(rules: list[list[Matcher]], random) -> None:  # type: ignore[no-untyped-def]
    shuffled = [random.sample(rule, len(rule)) for rule in random.sample(rules, len(rules))]

    assert RuleSet(rules).digest == RuleSet(shuffled).digest


def test_different_rules_have_different_digests() -> None:
    digests = {rule_set(*rules).digest for rules in ([], ["a"], ["b"], ['{x="1"}'], ['{x=~".*"}'])}

    assert len(digests) == 5


def test_the_digest_is_the_same_in_another_process() -> None:
    program = (
        "from tenantry_promql import RuleSet, parse_rule;"
        "print(RuleSet(map(parse_rule, ['a|b', '{x=~\"1|2|3\",y!~\"4|5\"}'])).digest)"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    ).stdout.strip()

    assert printed == rule_set("a|b", '{x=~"1|2|3",y!~"4|5"}').digest


@given(st.lists(RULES, max_size=5), st.sampled_from(SERIES))
def test_a_series_matches_when_it_satisfies_a_rule(rules, labels) -> None:  # type: ignore[no-untyped-def]
    printed = [matchers_of(rule) for rule in rules]

    assert RuleSet(printed).matches(labels) == any(matches(rule, labels) for rule in printed)


def test_a_missing_label_is_an_empty_one() -> None:
    assert rule_set('{job=""}').matches({"__name__": "up"})
    assert not rule_set('{job!=""}').matches({"__name__": "up"})


def test_no_rules_permit_nothing_and_an_empty_rule_everything() -> None:
    nothing, everything = RuleSet([]), RuleSet([()])

    assert (nothing.is_empty, nothing.permits_everything) == (True, False)
    assert (everything.is_empty, everything.permits_everything) == (False, True)
    assert (nothing.matches({"a": "b"}), everything.matches({"a": "b"})) == (False, True)
    assert everything.rules == ((),)


def test_a_rule_that_contradicts_itself_permits_nothing() -> None:
    assert RuleSet([[Matcher("a", "=", "1"), Matcher("a", "=", "2")]]).is_empty


@given(st.lists(RULES, max_size=4), st.lists(RULES, max_size=4))
def test_conjoin_permits_what_both_permit(rules, boundary) -> None:  # type: ignore[no-untyped-def]
    both = RuleSet(map(matchers_of, rules)).conjoin(map(matchers_of, boundary))

    permitted = {index for index, labels in enumerate(SERIES) if both.matches(labels)}
    assert permitted == series_of(rules) & series_of(boundary)


def test_an_empty_boundary_cuts_everything_away() -> None:
    assert rule_set("up").conjoin([]).is_empty
    assert rule_set("up").conjoin([()]) == rule_set("up")


@given(st.lists(RULES, max_size=5))
def test_the_selectors_of_a_set_select_it(rules) -> None:  # type: ignore[no-untyped-def]
    permitted = RuleSet(map(matchers_of, rules))

    for labels in SERIES:
        if labels["__name__"]:
            assert permitted.matches(labels) == any(
                matches(selector, labels) for selector in permitted.selectors()
            )


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        pytest.param("up", "up", id="a name selects"),
        pytest.param('{a="1"}', '{a="1"}', id="a value selects"),
        pytest.param('{a!=""}', '{a!=""}', id="not empty selects"),
        pytest.param('{a!="1"}', '{__name__=~".+",a!="1"}', id="an exclusion alone does not"),
        pytest.param("{}", '{__name__=~".+"}', id="nothing does not"),
    ],
)
def test_selector_of_rule(rule: str, expected: str) -> None:
    (matchers,) = rule_set(rule).rules

    assert set(selector_of_rule(matchers)) == set(parse_rule(expected))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        pytest.param('up{ns="a"}', True, id="inside"),
        pytest.param("up", False, id="not all of it"),
        pytest.param('sum(up{ns="a"}) / count(up)', False, id="one selector outside"),
        pytest.param("absent(node_load1) or node_x", True, id="all inside"),
        pytest.param('topk(scalar(up), up{ns="a"})', False, id="parameters count"),
        pytest.param("vector(1)", True, id="reads nothing"),
        pytest.param("rate(node_x[5m])[1h:] > 5", False, id="no valid expression"),
        pytest.param("up{", False, id="unreadable"),
        pytest.param("info(node_x)", False, id="info() reads target_info"),
        pytest.param('info(node_x, {__name__="node_info"})', True, id="or what it is told to"),
    ],
)
def test_contains(expression: str, expected: bool) -> None:
    assert rule_set('up{ns="a"}', "node_.*").contains(expression) is expected


@pytest.mark.parametrize(
    ("matcher", "message"),
    [
        pytest.param(Matcher("", "=", "a"), "cannot be used in a rule", id="no label"),
        pytest.param(Matcher("__tenantry_name__", "=", "a"), "cannot be used in a rule", id="reserved label"),
        pytest.param(Matcher("__type__", "=", "gauge"), "cannot be used in a rule", id="a label that is dropped with the name"),
        pytest.param(Matcher("a", "=~", "("), "does not compile", id="bad expression"),
        pytest.param(Matcher("a", "=~", "\\Qx"), "does not compile", id="unclosed quotation"),
        pytest.param(Matcher("a", "=", "\udc80"), "not valid UTF-8", id="no text"),
    ],
)  # fmt: skip
def test_matchers_that_cannot_be_a_rule(matcher: Matcher, message: str) -> None:
    with pytest.raises(RuleError, match=message):
        RuleSet([[matcher]])


def test_selectors_are_remembered() -> None:
    rules = rule_set('{ns="a"}')

    pieces, _ = rules.pieces(parse_rule("up"))

    assert rules.pieces(parse_rule("up"))[0] is pieces
    assert (
        rules.pieces(parse_rule('other{x=~"y.*"}'))[0] is pieces
    )  # nothing that the rules ask about


def test_a_set_shows_what_it_is_but_not_its_rules() -> None:
    assert repr(rule_set("secret")).startswith("<RuleSet 1 rules, ")
    assert format_selector(rule_set("secret").rules[0]) == "secret"


def test_compared_with_tells_admitting_from_conflicting_rules() -> None:
    admitting, conflicting = rule_set('up{ns="a"}', "down").compared_with(parse_rule("up"))

    assert admitting == [parse_rule('up{ns="a"}')]
    assert conflicting == [(parse_rule("down"), ("__name__",))]
