"""Errors in Prometheus' words, at Prometheus' positions."""

import pytest

from tenantry_promql.cursor import Cursor
from tenantry_promql.errors import LimitExceeded, ParseError
from tenantry_promql.lexer import tokenize
from tenantry_promql.settings import Limits


def cursor(text: str) -> Cursor:
    return Cursor(text, tokenize(text), Limits(regex_size=10))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("up", '1:1: parse error: unexpected identifier "up"', id="identifier"),
        pytest.param("a:b", '1:1: parse error: unexpected metric identifier "a:b"', id="metric identifier"),
        pytest.param("sum", "1:1: parse error: unexpected <aggr:sum>", id="aggregator"),
        pytest.param("BY", "1:1: parse error: unexpected <BY>", id="keyword as written"),
        pytest.param("and", "1:1: parse error: unexpected <op:and>", id="word operator"),
        pytest.param("+", "1:1: parse error: unexpected <op:+>", id="operator"),
        pytest.param("(1)", '1:1: parse error: unexpected "("', id="punctuation"),
        pytest.param("5m", '1:1: parse error: unexpected duration "5m"', id="duration"),
        pytest.param('"ab"', '1:1: parse error: unexpected string "\\"ab\\""', id="string"),
        pytest.param("12345678901", '1:1: parse error: unexpected number "1234567890"...', id="long tokens are cut"),
        pytest.param("", "1:1: parse error: unexpected end of input", id="end"),
        pytest.param("$", "1:1: parse error: unexpected character: '$'", id="the lexer's own complaint"),
    ],
)  # fmt: skip
def test_unexpected_token(text: str, message: str) -> None:
    with pytest.raises(ParseError) as raised:
        cursor(text).unexpected()

    assert str(raised.value) == message


def test_context_and_expectation_are_named() -> None:
    with pytest.raises(
        ParseError, match='unexpected identifier "a" in grouping opts, expected label'
    ):
        cursor("a").unexpected("grouping opts", "label")


@pytest.mark.parametrize(
    ("text", "token", "position"),
    [
        pytest.param("abc", 0, "1:1", id="from one"),
        pytest.param("a\n bc", 1, "2:2", id="lines count"),
        pytest.param('"é"+x', 2, "1:6", id="columns are bytes"),
    ],
)
def test_positions(text: str, token: int, position: str) -> None:
    with pytest.raises(ParseError) as raised:
        Cursor(text, tokenize(text), Limits()).fail("x", token)

    assert str(raised.value.position) == position


def test_expect_steps_over_what_it_names() -> None:
    reading = cursor("(a")

    assert reading.expect("(") == "("
    assert (reading.kind, reading.next_kind()) == ("identifier", "end of input")
    with pytest.raises(ParseError):
        reading.expect(")")


def test_the_sizes_of_expressions_add_up() -> None:
    reading = cursor("a")

    reading.count_regex(10)
    with pytest.raises(LimitExceeded, match="the limit regex_size is 10"):
        reading.count_regex(1)
