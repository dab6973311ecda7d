"""Durations and their arithmetic."""

import pytest

from tenantry_promql.errors import LimitExceeded, ParseError
from tenantry_promql.reader import read
from tenantry_promql.syntax import to_text


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param("a[5m]", "a[5m]", id="duration"),
        pytest.param("a[300]", "a[300]", id="number of seconds"),
        pytest.param("a[1h+5m*2]", "a[1h + 5m * 2]", id="arithmetic"),
        pytest.param("a[0x1e-1]", "a[0x1e - 1]", id="spaces keep tokens apart"),
        pytest.param("a[-5m+35m]", "a[- 5m + 35m]", id="sign"),
        pytest.param("a[(1m+1m)*2]", "a[( 1m + 1m ) * 2]", id="parentheses"),
        pytest.param("a[step()+1ms]", "a[step ( ) + 1ms]", id="step()"),
        pytest.param("a[range()]", "a[range ( )]", id="range()"),
        pytest.param("a[max(1m,step())]", "a[max ( 1m , step ( ) )]", id="max of two"),
        pytest.param("a[min_of(1m,2m)]", "a[min_of ( 1m , 2m )]", id="the later name of min"),
        pytest.param("a[1h:5m/2]", "a[1h:5m / 2]", id="in the step of a subquery"),
        pytest.param("a offset 5m", "a offset 5m", id="offset"),
        pytest.param("a offset -5m", "a offset - 5m", id="negative offset"),
        pytest.param("a offset +5", "a offset + 5", id="signed number as offset"),
        pytest.param("a offset -2 ^ 2", "a offset - 2 ^ 2", id="without parentheses an offset is one term"),
        pytest.param("a offset step()*2", "a offset step ( ) * 2", id="so is a call"),
        pytest.param("a offset (2*step())", "a offset ( 2 * step ( ) )", id="parenthesised offset"),
        pytest.param("a offset -(5m+1m) * 2", "a offset - ( 5m + 1m ) * 2", id="signed parentheses are one term"),
        pytest.param("a offset min(1s,2s)", "a offset min ( 1s , 2s )", id="a choice as offset"),
    ],
)  # fmt: skip
def test_printed_form(query: str, expected: str) -> None:
    assert to_text(read(query)) == expected


def test_what_follows_an_offset_is_not_part_of_it() -> None:
    assert "is_range=False" in repr(read("a offset -2 ^ 2"))
    assert "symbol='^'" in repr(read("a offset -2 ^ 2"))


@pytest.mark.parametrize(
    ("query", "message"),
    [
        pytest.param("a[0m]", "1:3: parse error: duration must be greater than 0", id="zero range"),
        pytest.param("a[5m:0s]", "1:6: parse error: duration must be greater than 0", id="zero step"),
        pytest.param("a[]", "1:3: parse error: unexpected \"]\" in subquery or range selector, expected number, duration, step(), or range()", id="no duration"),
        pytest.param("a[1m+]", "1:6: parse error: unexpected \"]\" in subquery or range selector, expected number, duration, step(), or range()", id="operator without operand"),
        pytest.param("a[step]", "1:7: parse error: unexpected \"]\" in subquery or range selector", id="step without parentheses"),
        pytest.param("a[min(1m)]", "1:9: parse error: unexpected \")\" in subquery or range selector", id="min of one"),
        pytest.param("a offset", "1:9: parse error: unexpected end of input in offset, expected number, duration, step(), or range()", id="offset without duration"),
        pytest.param("a offset x", "1:10: parse error: unexpected identifier \"x\" in offset, expected number, duration, step(), or range()", id="a metric as offset"),
        pytest.param("a offset --5m", "1:11: parse error: unexpected <op:-> in offset, expected number, duration, step(), or range()", id="two signs: their reach depends on the version"),
        pytest.param("a offset (5m)+1", "1:14: parse error: unexpected <op:+> in offset, expected the whole offset or the whole selector in parentheses", id="an operator after parentheses: so does its"),
    ],
)  # fmt: skip
def test_errors(query: str, message: str) -> None:
    with pytest.raises(ParseError) as raised:
        read(query)

    assert str(raised.value) == message


@pytest.mark.parametrize("deep", ["(" * 200 + "1m" + ")" * 200, "max(1m," * 200 + "1m" + ")" * 200])
def test_nesting_is_bounded(deep: str) -> None:
    for query in (f"a[{deep}]", f"a offset {deep}"):
        with pytest.raises(LimitExceeded, match="the limit depth is 100"):
            read(query)
