"""Expressions that Prometheus may get wrong are run by it, and never decided here."""

import pytest
import re2

from tenantry_promql import Matcher, RuleSet, Upstream, rewrite_query
from tenantry_promql.doubtful import as_asked, is_doubtful, spelt_out

NEW = Upstream(3, True, False, True)
PLAIN = ["a", "a|b", "a.*", ".+", "(?:a|b)-.*", "a\\.b", "a{2,3}", "(?s:a.b)", "\\$x", ""]
DOUBTFUL = ["(?i)a", "(?i:k).*", "[aA]|B", "\\d+", ".*-(x)-.*", "(a|b)", "\\pL", "\\Qa\\E", "a\\"]


@pytest.mark.parametrize("regex", PLAIN)
def test_literals_dots_repetitions_and_branches_are_not_doubtful(regex: str) -> None:
    assert not is_doubtful(regex)
    assert spelt_out(regex) == regex


@pytest.mark.parametrize("regex", DOUBTFUL)
def test_flags_classes_and_captures_are(regex: str) -> None:
    assert is_doubtful(regex)


@pytest.mark.parametrize("regex", [one for one in DOUBTFUL if one != "a\\"])
@pytest.mark.parametrize("value", ["", "a", "A", "b", "B", "k", "\u212a", "-x-", "-x y-", "7", "é"])
def test_spelling_out_changes_nothing_for_re2(regex: str, value: str) -> None:
    one, other = re2.compile(regex), re2.compile(spelt_out(regex))

    assert bool(one.fullmatch(value)) == bool(other.fullmatch(value))


@pytest.mark.parametrize(
    ("rule", "query", "expected"),
    [
        pytest.param(Matcher("l", "=~", "(?i)k.*"), "x", r'x{l=~"(?:\\b|\\B)(?:(?i)k.*)(?:\\b|\\B)"}', id="a rule is sent so that it has to be run"),
        pytest.param(Matcher("l", "!~", "[aA]|B"), "absent(x)", r'absent(x{l!~"(?:\\b|\\B)(?:[aA]|B)(?:\\b|\\B)"})', id="also in absent()"),
        pytest.param(Matcher("l", "=~", "[aA]|B"), 'x{l="a"}', 'x{l="a"}', id="RE2 decides what a rule accepts"),
        pytest.param(Matcher("l", "=", "b"), 'x{l=~"[aA]|B"}', 'x{l=~"[aA]|B",l="b"}', id="Prometheus what a selector accepts"),
        pytest.param(Matcher("l", "=~", "[aA]|B"), 'x{l=~"[aA]|B"}', r'x{l=~"[aA]|B",l=~"(?:\\b|\\B)(?:[aA]|B)(?:\\b|\\B)"}', id="so the same expression is not the same"),
        pytest.param(Matcher("l", "=~", "[aA]|B"), r'x{l=~"(?:\\b|\\B)(?:[aA]|B)(?:\\b|\\B)"}', r'x{l=~"(?:\\b|\\B)(?:[aA]|B)(?:\\b|\\B)"}', id="unless it is spelt out"),
    ],
)  # fmt: skip
def test_rules_mean_what_re2_says_and_selectors_what_prometheus_says(
    rule: Matcher, query: str, expected: str
) -> None:
    assert rewrite_query(query, RuleSet([[rule]]), upstream=NEW).query == expected


@pytest.mark.parametrize("inside", ["a)|c(?:b", "\\Qa"])
def test_what_only_looks_spelt_out_is_not(inside: str) -> None:
    regex = rf"(?:\b|\B)(?:{inside})(?:\b|\B)"

    assert as_asked([Matcher("l", "=~", regex)])[0].value == f"(?U:{regex})"
