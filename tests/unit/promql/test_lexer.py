"""Tokens of the three modes, and where the lexer gives up."""

import pytest

from tenantry_promql.lexer import END, ERROR, tokenize


def kinds(query: str) -> list[str]:
    return tokenize(query).kinds[:-1]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param("up", ["identifier"], id="a word is an identifier"),
        pytest.param("job:up:sum", ["metric identifier"], id="with a colon it can only be a metric"),
        pytest.param(":", ["metric identifier"], id="a lone colon is a metric name"),
        pytest.param("SUM Sum sum", ["sum", "sum", "sum"], id="keywords ignore case"),
        pytest.param("Rate", ["identifier"], id="functions do not"),
        pytest.param("inf NaN", ["number", "number"], id="Inf and NaN are numbers"),
        pytest.param("fill", ["identifier"], id="fill is a metric without a parenthesis"),
        pytest.param("fill ()", ["fill", "(", ")"], id="fill is a modifier before a parenthesis"),
        pytest.param("fill_left\n()", ["fill_left", "(", ")"], id="whitespace may stand between"),
        pytest.param("fill # c\n()", ["identifier", "(", ")"], id="a comment may not"),
        pytest.param("1 1.5 .5 5. 1e3 1.5e-3", ["number"] * 6, id="decimal numbers"),
        pytest.param("0x1F 0b11 0o17 017 1_000 0x_1", ["number"] * 6, id="numbers with prefix or underscore"),
        pytest.param("5m 1h30m 1y2w3d4h5m6s7ms 5ms", ["duration"] * 4, id="durations"),
        pytest.param("a </ b >/ c", ["identifier", "</", "identifier", ">/", "identifier"], id="trim operators"),
        pytest.param("a<=b", ["identifier", "<=", "identifier"], id="operators need no space"),
        pytest.param('"a" \'b\' `c`', ["string"] * 3, id="three kinds of quotes"),
        pytest.param('"a\\"b"', ["string"], id="an escaped quote does not end a string"),
        pytest.param("`a\\`", ["string"], id="raw strings have no escapes"),
        pytest.param("`a\nb`", ["string"], id="raw strings may span lines"),
        pytest.param("a # b\n+ c", ["identifier", "+", "identifier"], id="a comment ends with the line"),
        pytest.param("a # b\r+ c", ["identifier", "+", "identifier"], id="a carriage return ends it too"),
        pytest.param("{sum=~'x',by!~`y`}", ["{", "identifier", "=~", "string", ",", "identifier", "!~", "string", "}"], id="no keywords inside braces"),
        pytest.param('{a="b" # c\n}', ["{", "identifier", "=", "string", "}"], id="comments inside braces"),
        pytest.param("[5m:1m]", ["[", "duration", ":", "duration", "]"], id="inside brackets a colon stands alone"),
        pytest.param("[STEP()+max(1,2)]", ["[", "step", "(", ")", "+", "max", "(", "number", ",", "number", ")", "]"], id="duration functions"),
        pytest.param("[5m # c\n]", ["[", "duration", "]"], id="a comment after the duration"),
        pytest.param("", [], id="nothing"),
    ],
)  # fmt: skip
def test_kinds(query: str, expected: list[str]) -> None:
    tokens = tokenize(query)

    assert kinds(query) == expected
    assert tokens.kinds[-1] == END


def test_tokens_know_where_they_start() -> None:
    tokens = tokenize("a  +\nb")

    assert (tokens.texts, tokens.starts) == (["a", "+", "b", ""], [0, 3, 5, 6])


@pytest.mark.parametrize(
    ("query", "message", "start"),
    [
        pytest.param("a $", "unexpected character: '$'", 2, id="unknown character"),
        pytest.param("\x00", "unexpected character: '\\x00'", 0, id="NUL is shown escaped"),
        pytest.param("\u00a0up", "unexpected character: '\\u00a0'", 0, id="a no-break space is no space"),
        pytest.param("a =~ b", "unexpected character after '=': '~'", 2, id="=~ outside braces"),
        pytest.param("a ! b", "unexpected character after '!': ' '", 2, id="! outside braces"),
        pytest.param("{a$}", "unexpected character inside braces: '$'", 2, id="unknown character in braces"),
        pytest.param("{a:b}", "unexpected character inside braces: ':'", 2, id="labels have no colon"),
        pytest.param("{a", "unexpected end of input inside braces", 2, id="unclosed brace"),
        pytest.param("(a", "unclosed left parenthesis", 2, id="unclosed parenthesis"),
        pytest.param("a)", "unexpected right parenthesis ')'", 2, id="unopened parenthesis"),
        pytest.param("a[5m", "unclosed left bracket", 4, id="unclosed bracket"),
        pytest.param("a]", "unexpected right bracket ']'", 1, id="unopened bracket"),
        pytest.param("a[m]", "unexpected character in duration expression: 'm'", 2, id="a unit without number"),
        pytest.param("a[#\n5m]", "unexpected character in duration expression: '#'", 2, id="a comment before the duration"),
        pytest.param("a[$]", "unexpected character in duration expression: '$'", 2, id="unknown character in brackets"),
        pytest.param("1.2.3", 'bad number or duration syntax: "1.2.3"', 0, id="two dots"),
        pytest.param("1__0", 'bad number or duration syntax: "1__0"', 0, id="two underscores"),
        pytest.param("5m1h", 'bad number or duration syntax: "5m1h"', 0, id="units in the wrong order"),
        pytest.param("0x", 'bad number or duration syntax: "0x"', 0, id="a prefix without digits"),
        pytest.param('"a', "unterminated quoted string", 0, id="unterminated string"),
        pytest.param('"a\nb"', "unterminated quoted string", 0, id="a string ends with its line"),
        pytest.param("`a", "unterminated raw string", 0, id="unterminated raw string"),
    ],
)  # fmt: skip
def test_errors_are_the_last_token(query: str, message: str, start: int) -> None:
    tokens = tokenize(query)

    assert (tokens.kinds[-1], tokens.texts[-1], tokens.starts[-1]) == (ERROR, message, start)
