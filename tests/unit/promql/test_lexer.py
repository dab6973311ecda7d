"""Tokens of queries and of brackets."""

import pytest

from tenantry_promql.lexer import (
    END,
    ERROR,
    spans,
    spans_in_bracket,
    tokenize,
    tokenize_bracket,
)


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
        pytest.param("fill ()", ["fill", ")"], id="fill is a modifier with a parenthesis, which belongs to it"),
        pytest.param("FILL_left\n()", ["fill_left", ")"], id="whitespace may stand between"),
        pytest.param("fillet()", ["identifier", "(", ")"], id="and nothing else"),
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
        pytest.param("{sum=~'x',by!~`y`}", ["{", "sum", "=~", "string", ",", "by", "!~", "string", "}"], id="braces"),
        pytest.param('{a="b" # c\n}', ["{", "identifier", "=", "string", "}"], id="comments inside braces"),
        pytest.param("a[5m:1m]", ["identifier", "["], id="a bracket is one token"),
        pytest.param("a[5m # ]\n] + b", ["identifier", "[", "+", "identifier"], id="a comment in it may hold its end"),
        pytest.param("a[5m", ["identifier", "["], id="it may miss its end"),
        pytest.param("", [], id="nothing"),
    ],
)  # fmt: skip
def test_kinds(query: str, expected: list[str]) -> None:
    kinds, texts = tokenize(query)

    assert (kinds, texts[-1]) == ([*expected, END], "")


@pytest.mark.parametrize(
    ("bracket", "expected"),
    [
        pytest.param("[5m:1m]", ["[", "duration", ":", "duration", "]"], id="a colon stands alone"),
        pytest.param("[STEP()+max(1,2)]", ["[", "step", "(", ")", "+", "max", "(", "number", ",", "number", ")", "]"], id="duration functions"),
        pytest.param("[5m # c\n]", ["[", "duration", "]"], id="a comment after the duration"),
        pytest.param("[ # c\n5m]", ["[", ERROR, ERROR, "duration", "]"], id="none before it"),
        pytest.param("[inf]", ["[", ERROR, "]"], id="no number in words"),
        pytest.param("[m]", ["[", ERROR, "]"], id="a unit without number"),
    ],
)  # fmt: skip
def test_kinds_in_brackets(bracket: str, expected: list[str]) -> None:
    kinds, _ = tokenize_bracket(bracket)

    assert kinds == [*expected, END]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("$", id="unknown character"),
        pytest.param("\x00", id="NUL"),
        pytest.param("\u00a0", id="a no-break space is no space"),
        pytest.param("\u00e9", id="a letter that names have not"),
        pytest.param("! ", id="! alone, with what follows it"),
        pytest.param("1.2.3", id="two dots"),
        pytest.param("1__0", id="two underscores"),
        pytest.param("5m1h", id="units in the wrong order"),
        pytest.param("5and", id="a word right behind a number"),
        pytest.param("1" * 60 + "x", id="also a long one"),
        pytest.param("0x", id="a prefix without digits"),
        pytest.param('"', id="a quote that nothing closes"),
        pytest.param("`", id="of any kind"),
    ],
)
def test_what_begins_no_token_is_an_error(text: str) -> None:
    assert tokenize(text) == ([ERROR, END], [text, ""])


@pytest.mark.parametrize(
    ("query", "kinds", "first"),
    [
        pytest.param('"a\nb"', [ERROR, "identifier", ERROR], '"a', id="a string ends with its line"),
        pytest.param("'a\\\n'", [ERROR, ERROR, ERROR], "'a", id="even behind a backslash"),
        pytest.param('"a\\"', [ERROR], '"a\\"', id="an escaped quote does not close it"),
        pytest.param('"a\\\\"', ["string"], '"a\\\\"', id="an escaped backslash escapes nothing"),
        pytest.param("`a\\`", ["string"], "`a\\`", id="in raw strings there are no escapes"),
        pytest.param("`a", [ERROR], "`a", id="raw strings need their end, too"),
        pytest.param('""', ["string"], '""', id="empty"),
    ],
)  # fmt: skip
def test_where_strings_end(query: str, kinds: list[str], first: str) -> None:
    found, texts = tokenize(query)

    assert (found, texts[0]) == ([*kinds, END], first)


def test_quotes_that_nothing_closes_take_linear_time() -> None:
    assert tokenize('"' + '\\"' * 30_000)[0] == [ERROR, END]


def test_tokens_can_be_found_again() -> None:
    assert spans("a  +\nb[ 5m ]") == [(0, 1), (3, 4), (5, 6), (6, 12), (12, 12)]
    assert spans_in_bracket("[ 5m ]") == [(0, 1), (2, 4), (5, 6), (6, 6)]
