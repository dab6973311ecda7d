"""Brackets: taken apart, written in one spacing, remembered."""

import pytest

from tenantry_promql.brackets import Bracket, read_bracket
from tenantry_promql.cursor import Cursor
from tenantry_promql.errors import ParseError
from tenantry_promql.lexer import tokenize
from tenantry_promql.reader import read
from tenantry_promql.settings import Limits


def bracket(text: str) -> Bracket:
    cursor = Cursor(text, tokenize(text), Limits())
    found = read_bracket(cursor, depth=100)
    assert cursor.index == 0
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("[5m]", Bracket("[5m]", False), id="a range"),
        pytest.param("[ 5m # c\n ]", Bracket("[5m]", False), id="spaces and comments disappear"),
        pytest.param("[5m:1m]", Bracket("[5m:1m]", True), id="a subquery"),
        pytest.param("[5m : ]", Bracket("[5m:]", True), id="without step"),
        pytest.param("[5m:1.5]", Bracket("[5m:1.5]", True), id="with a number as step"),
        pytest.param("[(1m+1m):step()]", Bracket("[( 1m + 1m ):step ( )]", True), id="with arithmetic"),
        pytest.param(f"[{'1m+' * 50}1m]", Bracket(f"[{'1m + ' * 50}1m]", False), id="a long one"),
    ],
)  # fmt: skip
def test_brackets(text: str, expected: Bracket) -> None:
    assert bracket(text) == expected
    assert bracket(text) == expected  # now remembered, if it is short


@pytest.mark.parametrize(
    ("query", "message"),
    [
        pytest.param("up and\n a[0m]", "2:4: parse error: duration must be greater than 0", id="a short one"),
        pytest.param("up and\n a[(5m]", "2:7: parse error: unexpected", id="one that nests"),
        pytest.param("a[5m", "1:5: parse error: unclosed left bracket", id="one without end"),
        pytest.param("a[5m][", "1:7: parse error: unclosed left bracket", id="an empty one without end"),
        pytest.param("a[[5m]]", "1:3: parse error: unexpected character in duration expression: '['", id="one in another"),
        pytest.param("a[5m 5m]", '1:6: parse error: unexpected duration "5m" in subquery or range, expected ":" or "]"', id="two durations"),
    ],
)  # fmt: skip
def test_errors_have_their_position_in_the_query(query: str, message: str) -> None:
    for _ in range(2):
        with pytest.raises(ParseError) as raised:
            read(query)

        assert str(raised.value).startswith(message)
