"""Quoting and unquoting of strings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry_promql.literals import BadLiteral, NotUTF8, quote, unquote


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        pytest.param('"a"', "a", id="double quotes"),
        pytest.param("'a'", "a", id="single quotes"),
        pytest.param("`a\\n`", "a\\n", id="raw strings have no escapes"),
        pytest.param("`a\r\n`", "a\r\n", id="raw strings keep carriage returns"),
        pytest.param(r'"\a\b\f\n\r\t\v\\"', "\a\b\f\n\r\t\v\\", id="simple escapes"),
        pytest.param(r'"\""', '"', id="the own quote"),
        pytest.param(r"'\''", "'", id="the own single quote"),
        pytest.param(r'"\x41\101\u0041\U00000041"', "AAAA", id="numeric escapes"),
        pytest.param(r'"\xc3\xa9"', "é", id="bytes make up a character"),
        pytest.param(r'"\303\251"', "é", id="octal bytes too"),
        pytest.param('"é"', "é", id="characters stand for themselves"),
        pytest.param('""', "", id="empty"),
    ],
)
def test_unquote(literal: str, value: str) -> None:
    assert unquote(literal) == value


@pytest.mark.parametrize(
    "literal",
    [
        pytest.param(r'"\q"', id="unknown escape"),
        pytest.param(r'"\'"', id="the other quote"),
        pytest.param(r"""'\"'""", id="the other quote, single"),
        pytest.param(r'"\400"', id="octal over 255"),
        pytest.param(r'"\08"', id="octal needs three digits"),
        pytest.param(r'"\x4"', id="hex needs two digits"),
        pytest.param(r'"\ud800"', id="surrogate"),
        pytest.param(r'"\U00110000"', id="beyond Unicode"),
        pytest.param('"\ufffd"', id="the replacement character looks like a decoding error"),
        pytest.param("`\ufffd`", id="in raw strings too"),
    ],
)
def test_what_go_refuses_is_refused(literal: str) -> None:
    with pytest.raises(BadLiteral):
        unquote(literal)


def test_bytes_that_are_no_text_are_told_apart() -> None:
    with pytest.raises(NotUTF8):
        unquote(r'"\xff"')


@given(st.text())
def test_quote_is_undone_by_unquote(value: str) -> None:
    assert unquote(quote(value)) == value


@given(st.text())
def test_quoted_text_stays_on_its_line(value: str) -> None:
    assert not {"\n", "\r", "\ufffd"} & set(quote(value))
