"""Explanations of what becomes of a query."""

import pytest

from tenantry_promql import (
    Conflict,
    Limits,
    Outcome,
    ParseError,
    RuleSet,
    SelectorExplanation,
    Upstream,
    explain_query,
    parse_rule,
    rewrite_query,
)
from tenantry_promql.errors import Position

RULES = RuleSet(map(parse_rule, ["node_.*", 'up{ns="shop"}', '{ns="shop",job="a"}']))


def only(query: str) -> SelectorExplanation:
    (explained,) = explain_query(query, RULES).selectors
    return explained


def test_a_permitted_selector() -> None:
    assert only("sum(\nnode_load1)") == SelectorExplanation(
        position=Position(2, 1),
        text="node_load1",
        outcome=Outcome.PERMITTED,
        admitted_by=('{__name__=~"node_.*"}', '{job="a",ns="shop"}'),
        injected=(),
        conflicts=(),
        reason="",
    )


def test_a_restricted_selector() -> None:
    explained = only("rate(up[5m])")

    assert (explained.text, explained.outcome) == ("up[5m]", Outcome.RESTRICTED)
    assert explained.injected == ('ns="shop"',)


def test_a_split_selector() -> None:
    explained = only('node_x{job="a"}')
    split = only('{job="a",__name__=~"[nu].*"}')

    assert explained.outcome is Outcome.PERMITTED
    assert split.outcome is Outcome.SPLIT
    assert split.injected == ('ns="shop"', '__name__=~"node_.*"')


def test_an_empty_selector_says_which_rules_contradict_it() -> None:
    explained = only('secret{ns="pay"}')

    assert (explained.outcome, explained.admitted_by) == (Outcome.EMPTY, ())
    assert explained.conflicts == (
        Conflict('up{ns="shop"}', ("__name__", "ns")),
        Conflict('{__name__=~"node_.*"}', ("__name__",)),
        Conflict('{job="a",ns="shop"}', ("ns",)),
    )


def test_a_refused_selector_says_why() -> None:
    explained = explain_query(
        "x", RuleSet(map(parse_rule, ['{a="1"}', '{b="1"}'])), limits=Limits(pieces=1)
    )

    assert explained.rewritten == ()
    assert "the limit pieces is 1" in explained.refusal
    assert explained.selectors[0].outcome is Outcome.REFUSED
    assert explained.selectors[0].reason == explained.refusal


def test_a_refused_query_explains_its_selectors_all_the_same() -> None:
    explained = explain_query("info(up) + node_x", RULES)

    assert explained.refusal.startswith("info() is refused because")
    assert [one.outcome for one in explained.selectors] == [Outcome.RESTRICTED, Outcome.PERMITTED]


def test_what_is_explained_is_what_is_sent() -> None:
    query = 'sum(up) / absent({job="a"}) + node_x'
    upstream = Upstream(3, True, False, True, immediate_name_removal=True, info_over_unions=True)

    assert (
        explain_query(query, RULES, upstream=upstream).rewritten
        == rewrite_query(query, RULES, upstream=upstream).queries
    )


def test_what_is_no_query_is_not_explained() -> None:
    with pytest.raises(ParseError):
        explain_query("up(", RULES)
