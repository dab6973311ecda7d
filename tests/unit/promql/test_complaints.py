"""What is said of tokens that nothing accepts."""

import pytest

from tenantry_promql.errors import ParseError, position_at
from tenantry_promql.reader import read


@pytest.mark.parametrize(
    ("query", "message", "start"),
    [
        pytest.param("a $", "unexpected character: '$'", 2, id="unknown character"),
        pytest.param("\x00", "unexpected character: '\\x00'", 0, id="NUL is shown escaped"),
        pytest.param("\u00a0up", "unexpected character: '\\u00a0'", 0, id="a no-break space is no space"),
        pytest.param("a =~ b", "unexpected character after '=': '~'", 2, id="=~ outside braces"),
        pytest.param("a ! b", "unexpected character after '!': ' '", 2, id="! outside braces"),
        pytest.param("{a$}", "unexpected character inside braces: '$'", 2, id="unknown character in braces"),
        pytest.param('{a!"b"}', "unexpected character after '!' inside braces: '\"'", 2, id="! inside braces"),
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
def test_the_complaint_of_the_lexer(query: str, message: str, start: int) -> None:
    with pytest.raises(ParseError) as raised:
        read(query)

    assert (raised.value.message, raised.value.position) == (message, position_at(query, start))
