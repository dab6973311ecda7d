"""Rules as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.promql.algebra import MATCHERS

from tenantry_promql import (
    Matcher,
    ParseError,
    RuleError,
    format_selector,
    matches_everything,
    parse_rule,
    parse_selector,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("up", [("__name__", "=", "up")], id="a metric name"),
        pytest.param("job:up:sum", [("__name__", "=", "job:up:sum")], id="with colons"),
        pytest.param(" up ", [("__name__", "=", "up")], id="spaces around it"),
        pytest.param("sum", [("__name__", "=", "sum")], id="a keyword is a name"),
        pytest.param("inf", [("__name__", "=", "inf")], id="so is a number by name"),
        pytest.param('{job="a"}', [("job", "=", "a")], id="a selector"),
        pytest.param('up{job="a",ns!~"b.*"}', [("__name__", "=", "up"), ("job", "=", "a"), ("ns", "!~", "b.*")], id="a selector with a name"),
        pytest.param('{"http.requests","k8s.ns"="a"}', [("__name__", "=", "http.requests"), ("k8s.ns", "=", "a")], id="quoted names"),
        pytest.param("{}", [], id="a selector of everything is read; the caller decides"),
        pytest.param('{x=".*"}', [("x", "=", ".*")], id="= compares, even with what looks like an expression"),
        pytest.param("node_.*", [("__name__", "=~", "node_.*")], id="an expression"),
        pytest.param("http_(requests|errors)_total", [("__name__", "=~", "http_(requests|errors)_total")], id="with alternatives"),
        pytest.param("node_[a-z]{3,5}", [("__name__", "=~", "node_[a-z]{3,5}")], id="braces of a repetition are no selector"),
        pytest.param(".*", [("__name__", "=~", ".*")], id="everything, as an expression"),
    ],
)  # fmt: skip
def test_parse_rule(text: str, expected: list[tuple[str, str, str]]) -> None:
    assert parse_rule(text) == tuple(Matcher(*parts) for parts in expected)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("", "must not be empty", id="empty"),
        pytest.param("  ", "must not be empty", id="blank"),
        pytest.param('{job="a"', "not a selector: 1:9: parse error: unexpected end of input inside braces", id="unclosed selector"),
        pytest.param('{job="a" or ns="b"}', "not a selector", id="or inside braces"),
        pytest.param('up{job=~"("}', "not a selector", id="a bad expression in a selector"),
        pytest.param('rate(up{job="a"}[5m])', "not a selector", id="an expression of PromQL"),
        pytest.param("node_(", "not a metric name, a selector or a regular expression", id="a bad expression"),
        pytest.param("\\Qnode", "not a metric name, a selector or a regular expression", id="an unclosed quotation"),
        pytest.param("(?=x)", "not a metric name, a selector or a regular expression", id="look-ahead"),
    ],
)  # fmt: skip
def test_what_is_no_rule(text: str, message: str) -> None:
    with pytest.raises(RuleError, match=message):
        parse_rule(text)


def test_parse_selector_takes_nothing_but_a_selector() -> None:
    for text in ("up[5m]", "sum(up)", "up offset 5m", "1", ""):
        with pytest.raises(ParseError):
            parse_selector(text)


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        pytest.param("{}", True, id="no matchers"),
        pytest.param('{job=~".*"}', True, id=".*"),
        pytest.param('{job=~".*",ns=~".*"}', True, id="twice"),
        pytest.param('{job=~".+"}', False, id=".+"),
        pytest.param('{job=".*"}', False, id="the literal .*"),
        pytest.param("up", False, id="a name"),
    ],
)
def test_matches_everything(selector: str, expected: bool) -> None:
    assert matches_everything(parse_selector(selector)) is expected


@pytest.mark.parametrize(
    ("matchers", "expected"),
    [
        pytest.param([("__name__", "=", "up")], "up", id="a bare name"),
        pytest.param([("__name__", "=", "up"), ("a", "=", "b")], 'up{a="b"}', id="a name outside"),
        pytest.param([("a", "=", "b"), ("__name__", "=", "up")], 'up{a="b"}', id="wherever it stands"),
        pytest.param([("__name__", "=~", "up")], '{__name__=~"up"}', id="an expression inside"),
        pytest.param([("__name__", "=", "http.requests")], '{__name__="http.requests"}', id="a name that cannot stand outside"),
        pytest.param([("__name__", "=", "a"), ("__name__", "=", "b")], '{__name__="a",__name__="b"}', id="two names"),
        pytest.param([("k8s.ns", "=", "a")], '{"k8s.ns"="a"}', id="a quoted label"),
        pytest.param([], "{}", id="nothing"),
    ],
)  # fmt: skip
def test_format_selector(matchers: list[tuple[str, str, str]], expected: str) -> None:
    assert format_selector(Matcher(*parts) for parts in matchers) == expected  # type: ignore[arg-type]


@given(st.lists(MATCHERS, max_size=4))
def test_a_formatted_selector_reads_as_the_same_matchers(matchers: list[Matcher]) -> None:
    assert sorted(parse_selector(format_selector(matchers))) == sorted(matchers)


@pytest.mark.parametrize("name", ["on", "bool", "atan2", "inf", "NaN", "group_left"])
def test_a_name_that_means_something_else_in_front_of_braces_is_written_inside(name: str) -> None:
    matchers = (Matcher("__name__", "=", name), Matcher("job", "=", "a"))

    text = format_selector(matchers)

    assert (text, parse_selector(text)) == (f'{{__name__="{name}",job="a"}}', matchers)
