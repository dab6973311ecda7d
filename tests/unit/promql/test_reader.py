"""Queries that are read, how they are printed, and queries that are not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.promql.strategies import QUERIES

from tenantry_promql.errors import LimitExceeded, ParseError, PromQLError
from tenantry_promql.reader import read, read_selector
from tenantry_promql.settings import Limits
from tenantry_promql.syntax import to_text


@pytest.mark.parametrize(
    ("query", "printed"),
    [
        pytest.param("up", "up", id="a metric"),
        pytest.param(" up # comment", "up", id="comments and whitespace disappear"),
        pytest.param("sum", "sum", id="a keyword as a metric"),
        pytest.param("or or or", "or or or", id="an operator between metrics of its name"),
        pytest.param("offset offset 5m", "offset offset 5m", id="a modifier after a metric of its name"),
        pytest.param("start + end", "start + end", id="start and end are metrics"),
        pytest.param("start() + end() + step() + range()", "start() + end() + step() + range()", id="and functions"),
        pytest.param("fill + fill", "fill + fill", id="fill is a metric"),
        pytest.param("by{a='b'}", "by{a='b'}", id="quotes are kept"),
        pytest.param("job:up:sum", "job:up:sum", id="colons"),
        pytest.param('{"http.requests", "k8s.ns"="a"}', '{"http.requests","k8s.ns"="a"}', id="quoted names"),
        pytest.param("1 + 1.5e3 - 0x1F", "1 + 1.5e3 - 0x1F", id="numbers are kept as written"),
        pytest.param("5m + 1h30m", "5m + 1h30m", id="durations are numbers"),
        pytest.param('"a\\n" ', '"a\\n"', id="a string"),
        pytest.param("--a", "--a", id="signs"),
        pytest.param("- a + -b", "-a + -b", id="a sign touches its operand"),
        pytest.param("a+b*c^d", "a + b * c ^ d", id="operators"),
        pytest.param("a</b", "a </ b", id="histogram trimming"),
        pytest.param("a ATAN2 b", "a ATAN2 b", id="word operators are kept as written"),
        pytest.param("a == bool b", "a == bool b", id="bool"),
        pytest.param("a + on(x,y,) b", "a + on (x, y) b", id="on with a trailing comma"),
        pytest.param("a + ignoring() b", "a + ignoring () b", id="ignoring nothing"),
        pytest.param("a * on(x) group_left b", "a * on (x) group_left () b", id="group_left always gets parentheses"),
        pytest.param("a * on(x) group_right(y) (b)", "a * on (x) group_right (y) (b)", id="group_right with labels"),
        pytest.param("a + fill(0) b", "a + fill (0) b", id="fill"),
        pytest.param("a + on(x) group_left(y) fill_left(-1) fill_right(2) b", "a + on (x) group_left (y) fill_left (-1) fill_right (2) b", id="fill on both sides"),
        pytest.param("sum by(a)(b)", "sum by (a) (b)", id="grouping before"),
        pytest.param("SUM(b) WITHOUT (a)", "SUM(b) WITHOUT (a)", id="grouping after"),
        pytest.param('sum(b) by (on, sum, "k8s.ns")', 'sum(b) by (on, sum, "k8s.ns")', id="keywords and strings as labels"),
        pytest.param("topk(5,a)", "topk(5, a)", id="a parameter"),
        pytest.param("limitk(2, a) + limit_ratio(0.5, a)", "limitk(2, a) + limit_ratio(0.5, a)", id="experimental aggregations"),
        pytest.param('count_values("v", a)', 'count_values("v", a)', id="a string as parameter"),
        pytest.param("rate( a[5m] )", "rate(a[5m])", id="a call"),
        pytest.param("time()", "time()", id="a call without arguments"),
        pytest.param("a[5m:1m]", "a[5m:1m]", id="subquery"),
        pytest.param("a[5m:]", "a[5m:]", id="subquery without step"),
        pytest.param("(a)[5m:1m] offset 1m @ end()", "(a)[5m:1m] offset 1m @ end()", id="subquery with modifiers"),
        pytest.param("info(a, {b='c'})", "info(a, {b='c'})", id="info"),
        pytest.param("info(a, {b=~'.*'})", "info(a, {b=~'.*'})", id="info with a matcher of everything"),
        pytest.param("holt_winters(a[5m],0.5,0.5)", "holt_winters(a[5m], 0.5, 0.5)", id="a function of Prometheus 2"),
    ],
)  # fmt: skip
def test_printed_form(query: str, printed: str) -> None:
    assert to_text(read(query)) == printed
    assert to_text(read(printed)) == printed


@settings(max_examples=300, deadline=None)
@given(QUERIES)
def test_printing_and_reading_again_changes_nothing(query: str) -> None:
    printed = to_text(read(query))

    assert to_text(read(printed)) == printed


@settings(max_examples=500, deadline=None)
@given(st.text(alphabet="ab1 ()[]{}\"'`,=!~<>+-^:@#\n\\.5m", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        tree = read(text)
    except PromQLError:
        return

    assert to_text(read(to_text(tree))) == to_text(tree)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        pytest.param("", "1:1: parse error: no expression found in input", id="nothing"),
        pytest.param("# c", "1:1: parse error: no expression found in input", id="a comment"),
        pytest.param("a b", '1:3: parse error: unexpected identifier "b"', id="two metrics"),
        pytest.param("a +", "1:4: parse error: unexpected end of input", id="no right operand"),
        pytest.param("*a", "1:1: parse error: unexpected <op:*>", id="no left operand"),
        pytest.param("()", '1:2: parse error: unexpected ")"', id="empty parentheses"),
        pytest.param("bool", "1:1: parse error: unexpected <bool>", id="bool is no metric"),
        pytest.param("on", "1:1: parse error: unexpected <on>", id="on neither"),
        pytest.param("group_left", "1:1: parse error: unexpected <group_left>", id="nor group_left"),
        pytest.param("atan2", "1:1: parse error: unexpected <op:atan2>", id="nor atan2"),
        pytest.param("fill (1)", "1:1: parse error: unexpected <fill>", id="nor fill before a parenthesis"),
        pytest.param("a:b(c)", '1:4: parse error: unexpected "("', id="a name with a colon is no function"),
        pytest.param("foo(a)", '1:1: parse error: unknown function with name "foo"', id="unknown function"),
        pytest.param("Rate(a[5m])", '1:1: parse error: unknown function with name "Rate"', id="functions know their case"),
        pytest.param("abs(a,)", "1:6: parse error: trailing commas not allowed in function call args", id="trailing comma"),
        pytest.param("abs(,a)", '1:5: parse error: unexpected ","', id="leading comma"),
        pytest.param("sum by a (b)", '1:8: parse error: unexpected identifier "a" in grouping opts, expected "("', id="grouping without parentheses"),
        pytest.param("sum(a) by (1)", '1:12: parse error: unexpected number "1" in grouping opts, expected label', id="a number as label"),
        pytest.param("sum(a) by (without)", "1:12: parse error: unexpected <without> in grouping opts, expected label", id="without is no label"),
        pytest.param("sum(a) by (b c)", '1:14: parse error: unexpected identifier "c" in grouping opts, expected "," or ")"', id="labels without comma"),
        pytest.param("sum by (a) b", '1:12: parse error: unexpected identifier "b" in aggregation', id="an aggregation without parentheses"),
        pytest.param("sum(a) by (b) by (c)", "1:15: parse error: unexpected <by>", id="two groupings"),
        pytest.param("a + group_left (b) c", "1:5: parse error: unexpected <group_left>", id="group_left without on"),
        pytest.param("a + on (x) bool b", "1:12: parse error: unexpected <bool>", id="bool after on"),
        pytest.param("a + on (x) group_left (x) b", '1:3: parse error: label "x" must not occur in ON and GROUP clause at once', id="a label in on and group_left"),
        pytest.param("a + fill (b) c", '1:11: parse error: unexpected identifier "b" in fill, expected number', id="fill with a metric"),
        pytest.param("(a) offset 5m", "1:1: parse error: offset modifier must be preceded by an instant vector selector or range vector selector or a subquery", id="offset of parentheses"),
        pytest.param("sum(a) @ 5", "1:1: parse error: @ modifier must be preceded by an instant vector selector or range vector selector or a subquery", id="@ of an aggregation"),
        pytest.param("sum(a) anchored", "1:1: parse error: anchored modifier not implemented", id="anchored aggregation"),
        pytest.param("(a)[5m]", "1:4: parse error: ranges only allowed for vector selectors", id="a range of parentheses"),
        pytest.param("a[5m:][5m:]", "1:1: parse error: subquery is only allowed on instant vector, got range vector instead", id="a subquery of a subquery"),
        pytest.param("a[5m:][5m]", "1:7: parse error: ranges only allowed for vector selectors", id="a range of a subquery"),
        pytest.param('"a"{b="c"}', '1:4: parse error: unexpected "{"', id="a string is no metric"),
        pytest.param("a\n+\n b c", '3:4: parse error: unexpected identifier "c"', id="positions count lines"),
        pytest.param('"é" + $', "1:8: parse error: unexpected character: '$'", id="and bytes"),
        pytest.param('abs("\\q")', "1:5: parse error: unknown escape sequence U+0071 'q'", id="an unknown escape"),
    ],
)  # fmt: skip
def test_errors(query: str, message: str) -> None:
    with pytest.raises(ParseError) as raised:
        read(query)

    assert str(raised.value) == message


def test_depth_is_limited() -> None:
    assert read(f"{'(' * 99}a{')' * 99}")
    for query in (
        f"{'(' * 100}a{')' * 100}",
        "abs(" * 100 + "a" + ")" * 100,
        "sum(" * 100 + "a" + ")" * 100,
    ):
        with pytest.raises(LimitExceeded, match="the limit depth is 100"):
            read(query)


def test_rows_are_not_depth() -> None:
    assert read("a" + "+a" * 20_000)
    assert read("-" * 20_000 + "a")


def test_length_is_counted_in_bytes() -> None:
    limits = Limits(query_bytes=4)

    assert read("abcd", limits)
    for query in ("abcde", '"éé"'):
        with pytest.raises(LimitExceeded, match="the limit query_bytes is 4"):
            read(query, limits)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("a[5m]", '1:2: parse error: unexpected "["', id="a range"),
        pytest.param("a offset 5m", "1:3: parse error: unexpected <offset>", id="an offset"),
        pytest.param("rate(a)", '1:5: parse error: unexpected "("', id="a call"),
        pytest.param("1", '1:1: parse error: unexpected number "1"', id="a number"),
        pytest.param("", "1:1: parse error: unexpected end of input", id="nothing"),
        pytest.param("{}", "1:1: parse error: vector selector must contain at least one non-empty matcher", id="everything"),
    ],
)  # fmt: skip
def test_what_is_no_selector(text: str, message: str) -> None:
    with pytest.raises(ParseError) as raised:
        read_selector(text)

    assert str(raised.value) == message


def test_a_selector_of_everything_is_read_on_request() -> None:
    assert read_selector("{}", must_select=False).matchers == ()
