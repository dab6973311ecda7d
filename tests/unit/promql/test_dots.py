"""Rules mean the same whatever the server's dot means; selectors mean what the server makes of them."""

import pytest

from tenantry_promql import Matcher, RuleSet, Upstream, dots, rewrite_query

OLD = Upstream(
    major=2,
    label_replace_keeps_histograms=True,
    delayed_name_removal=False,
    experimental_functions=False,
)
NEW = Upstream(
    major=3,
    label_replace_keeps_histograms=True,
    delayed_name_removal=False,
    experimental_functions=False,
)
DOT = RuleSet([[Matcher("text", "!~", "a.b")]])
EMPTY = RuleSet([[Matcher("text", "=", "")]])
NAMES = RuleSet([[Matcher("__name__", "=~", "node_.*")]])


@pytest.mark.parametrize(
    ("rules", "upstream", "query", "expected"),
    [
        pytest.param(
            DOT, NEW, "x", 'x{text!~"a.b"}', id="Prometheus 3 understands a rule as it is"
        ),
        pytest.param(DOT, OLD, "x", 'x{text!~"(?s:a.b)"}', id="Prometheus 2 is told what is meant"),
        pytest.param(
            NAMES,
            OLD,
            '{job="a"}',
            '{job="a",__name__=~"node_.*"}',
            id="names hold no newline and stay as they are",
        ),
        pytest.param(
            DOT,
            OLD,
            'x{text!~"a.b"}',
            'x{text!~"a.b",text!~"(?s:a.b)"}',
            id="the same expression in a selector excludes less there",
        ),
        pytest.param(
            DOT, NEW, 'x{text!~"a.b"}', 'x{text!~"a.b"}', id="and the same in Prometheus 3"
        ),
        pytest.param(
            EMPTY,
            OLD,
            'x{text!~".+"}',
            'x{text!~".+",text=""}',
            id="what is not .+ may hold a newline",
        ),
        pytest.param(
            EMPTY, NEW, 'x{text!~".+"}', 'x{text!~".+"}', id="and is empty in Prometheus 3"
        ),
    ],
)
def test_expressions_with_a_dot(
    rules: RuleSet, upstream: Upstream, query: str, expected: str
) -> None:
    assert rewrite_query(query, rules, upstream=upstream).query == expected


def test_containment_holds_for_both_meanings() -> None:
    assert not EMPTY.contains('x{text!~".+"}')
    assert EMPTY.contains('x{text=""}')


@pytest.mark.parametrize(
    ("matcher", "expected"),
    [
        pytest.param(Matcher("a", "=~", "x.*"), Matcher("a", "=~", "(?s:x.*)"), id="a dot"),
        pytest.param(Matcher("a", "=~", "x|y"), Matcher("a", "=~", "x|y"), id="no dot"),
        pytest.param(Matcher("a", "=", "x.y"), Matcher("a", "=", "x.y"), id="no expression"),
        pytest.param(
            Matcher("__name__", "=~", "x.*"), Matcher("__name__", "=~", "x.*"), id="a name"
        ),
    ],
)
def test_a_matcher_is_worded_for_every_server(matcher: Matcher, expected: Matcher) -> None:
    assert dots.worded(matcher) == expected
