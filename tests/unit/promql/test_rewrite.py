"""The public functions, and that no selector leaves without its rule."""

import pytest
from hypothesis import HealthCheck, given, settings
from tests.unit.promql.mini_oracle import matches
from tests.unit.promql.strategies import IDENTITIES, QUERIES, RULES

from tenantry_promql import (
    LimitExceeded,
    Limits,
    Matcher,
    ParseError,
    Refused,
    Rewritten,
    RuleSet,
    Upstream,
    parse_rule,
    rewrite_match,
    rewrite_query,
    selectors_without_match,
)
from tenantry_promql.pieces import NOTHING_TEXT
from tenantry_promql.reader import read
from tenantry_promql.syntax import selectors

SHOP = RuleSet([parse_rule('{ns="shop"}')])
NEW = Upstream(3, True, False, True, immediate_name_removal=True, info_over_unions=True)


def test_a_query_inside_the_rules_is_unchanged_but_for_whitespace() -> None:
    query = 'sum( up{ns="shop"} ) # all of mine'

    assert rewrite_query(query, SHOP) == Rewritten(('sum(up{ns="shop"})',), unchanged=True)


def test_a_restricted_query_says_so() -> None:
    assert rewrite_query("up", SHOP) == Rewritten(('up{ns="shop"}',), unchanged=False)


def test_a_query_without_selectors_is_unchanged_under_no_rules() -> None:
    assert rewrite_query("1 + 1", RuleSet([])) == Rewritten(("1 + 1",), unchanged=True)


def test_several_queries_cannot_be_taken_for_one() -> None:
    rewritten = rewrite_query("up[5m]", RuleSet(map(parse_rule, ['{a="1"}', '{b="1"}'])))

    assert len(rewritten.queries) == 2
    with pytest.raises(ValueError, match="too many values"):
        _ = rewritten.query


def test_the_same_question_is_answered_from_memory() -> None:
    first = rewrite_query("sum(up)", SHOP)

    assert rewrite_query("sum(up)", RuleSet([parse_rule('{ns="shop"}')])) is first
    assert rewrite_query("sum(up)", RuleSet([parse_rule('{ns="pay"}')])) is not first
    assert rewrite_query("sum(up)", SHOP, upstream=NEW) is not first
    assert rewrite_query("sum(up)", SHOP, limits=Limits(pieces=1)) is not first


@pytest.mark.parametrize(
    ("query", "message"),
    [
        pytest.param("up(", "1:4: parse error: unclosed left parenthesis", id="syntax"),
        pytest.param("secret_function(up)", '1:1: parse error: unknown function with name "secret_function"', id="unknown function"),
        pytest.param("integral(up[5m])", '1:1: parse error: unknown function with name "integral"', id="a function of later versions"),
        pytest.param('{a="b" or c="d"}', '1:8: parse error: unexpected identifier "or" in label matching, expected "," or "}"', id="or inside braces"),
        pytest.param('{job=~".*"}', "1:1: parse error: vector selector must contain at least one non-empty matcher", id="a selector of everything, which injection would mask"),
        pytest.param('up{__name__="x"}', '1:1: parse error: metric name must not be set twice: "up" or "x"', id="two names"),
        pytest.param("sum(a, b)", "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 1, got 2", id="arguments of aggregations"),
        pytest.param("", "1:1: parse error: no expression found in input", id="nothing"),
    ],
)  # fmt: skip
def test_what_prometheus_refuses_is_refused(query: str, message: str) -> None:
    with pytest.raises(ParseError) as raised:
        rewrite_query(query, SHOP)

    assert str(raised.value) == message


def test_reserved_labels_are_refused() -> None:
    for query in ('up{__tenantry_name__="x"}', "sum by (__tenantry_name__) (up)"):
        with pytest.raises(Refused, match="a label starting with __tenantry_"):
            rewrite_query(query, SHOP)
    with pytest.raises(Refused, match="a label starting with __tenantry_"):
        rewrite_match('{__tenantry_never__!="x"}', SHOP)


def test_a_value_that_is_no_text_is_refused() -> None:
    with pytest.raises(Refused, match="not valid UTF-8"):
        rewrite_query('up{a="\\xff"}', SHOP)
    assert rewrite_query('label_replace(up, "a", "\\xff", "b", "c")', SHOP).queries


def test_a_query_that_is_no_text_is_refused() -> None:
    with pytest.raises(ParseError, match="invalid UTF-8"):
        rewrite_query("up\udc80", SHOP)


def test_long_queries_are_refused() -> None:
    with pytest.raises(LimitExceeded, match="the limit query_bytes is 65536"):
        rewrite_query("a+" * 40_000 + "a", SHOP)


def test_experimental_functions_depend_on_the_upstream() -> None:
    plain = Upstream(3, True, False, experimental_functions=False)

    assert rewrite_query("limitk(1, up)", SHOP).queries == ('limitk(1, up{ns="shop"})',)
    with pytest.raises(ParseError, match="limitk"):
        rewrite_query("limitk(1, up)", SHOP, upstream=plain)
    with pytest.raises(ParseError, match='function "mad_over_time" is not enabled'):
        rewrite_query("mad_over_time(up[5m])", SHOP, upstream=plain)


def test_messages_never_show_rules() -> None:
    hidden = RuleSet(map(parse_rule, ['x{hidden="1"}', 'y{secret="2"}']))
    messages = []
    for query in ('{a="b"}', 'rate({a="b"}[5m])', "info(up)"):
        with pytest.raises(Refused) as raised:
            rewrite_query(query, hidden)
        messages.append(str(raised.value))

    assert not any("hidden" in text or "secret" in text for text in messages)


@pytest.mark.parametrize(
    ("selector", "rules", "expected"),
    [
        pytest.param("up", ['{ns="a"}'], ('up{ns="a"}',), id="one rule"),
        pytest.param("up", ['x{ns="a"}', '{b="1"}'], ('up{b="1"}',), id="only rules for that name"),
        pytest.param('{z="1"}', ['x{ns="a"}', 'y{b="1"}'], ('{z="1",__name__="x",ns="a"}', '{z="1",__name__="y",b="1"}'), id="a native union, whatever the names"),
        pytest.param("up", ["up"], ("up",), id="inside the rules"),
        pytest.param("up", ["down"], (f"up{{{NOTHING_TEXT}}}",), id="nothing permitted is never nothing sent"),
    ],
)  # fmt: skip
def test_match(selector: str, rules: list[str], expected: tuple[str, ...]) -> None:
    assert rewrite_match(selector, RuleSet(map(parse_rule, rules))) == expected


@pytest.mark.parametrize("selector", ["up[5m]", "up offset 1m", "sum(up)", "{}", '{a=~".*"}', "up down", "", "1"])  # fmt: skip
def test_a_match_is_a_selector_and_nothing_else(selector: str) -> None:
    with pytest.raises(ParseError):
        rewrite_match(selector, SHOP)


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        pytest.param(['{ns="a"}', "up"], ("up", '{ns="a"}'), id="the rules"),
        pytest.param([], (f"{{{NOTHING_TEXT}}}",), id="no rules select nothing"),
        pytest.param(['{ns!="a"}'], ('{ns!="a",__name__=~".+"}',), id="a rule that a nameless series satisfies"),
        pytest.param(['{__name__=~".*"}'], ('{__name__=~".+"}',), id="everything"),
    ],
)  # fmt: skip
def test_selectors_without_match(rules: list[str], expected: tuple[str, ...]) -> None:
    assert selectors_without_match(RuleSet(map(parse_rule, rules))) == expected


def test_selectors_without_match_mean_the_same_on_prometheus_2() -> None:
    rules = RuleSet([parse_rule('{ns=~"a.*"}')])

    assert selectors_without_match(rules, upstream=NEW) == ('{ns=~"a.*"}',)
    assert selectors_without_match(rules) == ('{ns=~"(?s:a.*)"}',)


_MANY = settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@_MANY
@given(QUERIES, RULES)
def test_no_selector_that_is_sent_selects_what_is_not_permitted(
    query: str, rules: list[list[Matcher]]
) -> None:
    try:
        sent = rewrite_query(query, RuleSet(rules), upstream=NEW).queries
    except Refused:
        return

    for selector in (selector for text in sent for selector in selectors(read(text))):
        for labels in IDENTITIES:
            if matches(selector.matchers, labels):
                assert any(matches(rule, labels) for rule in rules), (query, selector.text())


@_MANY
@given(QUERIES, RULES)
def test_what_was_rewritten_needs_no_rewriting(query: str, rules: list[list[Matcher]]) -> None:
    permitted = RuleSet(rules)
    try:
        sent = rewrite_query(query, permitted, upstream=NEW).queries
    except Refused:
        return

    for selector in (selector for text in sent for selector in selectors(read(text))):
        if NOTHING_TEXT not in selector.text():
            assert permitted.residuals(selector.matchers) == ((),)


def test_whoever_sees_everything_may_send_what_was_rewritten_before() -> None:
    inner, outer = RuleSet([parse_rule("{}")]), RuleSet([parse_rule("up"), parse_rule('{a="b"}')])
    for query in ("up or nothing", "sum(up)", 'x{a="c"}', 'rate({a="b",__name__=~"u.*|x"}[5m])'):
        for rewritten in rewrite_query(query, outer).queries:
            again = rewrite_query(rewritten, inner)

            assert (again.queries, again.unchanged) == ((rewritten,), True)
    nothing = rewrite_match('x{a="c"}', RuleSet([parse_rule("up")]))
    assert tuple(one for text in nothing for one in rewrite_match(text, inner)) == nothing
