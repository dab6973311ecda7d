"""Types, argument counts and selectors of everything."""

import pytest

from tenantry_promql.errors import ParseError
from tenantry_promql.reader import read


@pytest.mark.parametrize(
    ("query", "message"),
    [
        pytest.param("{}", "1:1: parse error: vector selector must contain at least one non-empty matcher", id="no matcher"),
        pytest.param('{a=""}', "1:1: parse error: vector selector must contain at least one non-empty matcher", id="a missing label"),
        pytest.param('{a=~".*"}', "1:1: parse error: vector selector must contain at least one non-empty matcher", id="any value"),
        pytest.param('{a!="b"}', "1:1: parse error: vector selector must contain at least one non-empty matcher", id="an exclusion"),
        pytest.param('{a=~"x|"}', "1:1: parse error: vector selector must contain at least one non-empty matcher", id="an empty branch"),
        pytest.param('{a!~".+"}', "1:1: parse error: vector selector must contain at least one non-empty matcher", id="not something"),
        pytest.param("abs()", '1:1: parse error: expected 1 argument(s) in call to "abs", got 0', id="no argument"),
        pytest.param("abs(a, b)", '1:1: parse error: expected 1 argument(s) in call to "abs", got 2', id="too many"),
        pytest.param("round(a, 1, 2)", '1:1: parse error: expected at most 2 argument(s) in call to "round", got 3', id="too many optional ones"),
        pytest.param('label_join(a, "b")', '1:1: parse error: expected at least 3 argument(s) in call to "label_join", got 2', id="too few"),
        pytest.param("rate(a)", '1:6: parse error: expected type range vector in call to function "rate", got instant vector', id="an instant for a range"),
        pytest.param("abs(a[5m])", '1:5: parse error: expected type instant vector in call to function "abs", got range vector', id="a range for an instant"),
        pytest.param("round(a, b)", '1:10: parse error: expected type scalar in call to function "round", got instant vector', id="a vector for a scalar"),
        pytest.param('label_join(a, "b", "c", d)', '1:25: parse error: expected type string in call to function "label_join", got instant vector', id="the last type repeats"),
        pytest.param("sum()", "1:1: parse error: no arguments for aggregate expression provided", id="aggregation of nothing"),
        pytest.param("sum(a, b)", "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 1, got 2", id="of two"),
        pytest.param("topk(a)", "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 2, got 1", id="without parameter"),
        pytest.param("sum(1)", "1:5: parse error: expected type instant vector in aggregation expression, got scalar", id="of a scalar"),
        pytest.param('topk("a", b)', "1:6: parse error: expected type scalar in aggregation parameter, got string", id="a string as parameter"),
        pytest.param("count_values(1, b)", "1:14: parse error: expected type string in aggregation parameter, got scalar", id="a number as parameter"),
        pytest.param("1[5m:]", "1:1: parse error: subquery is only allowed on instant vector, got scalar instead", id="a subquery of a scalar"),
        pytest.param("rate(a[5m])[5m:] + a[1m]", "1:1: parse error: binary expression must contain only scalar and instant vector types", id="a range as operand"),
        pytest.param('info(a, b{c="d"})', "1:9: parse error: expected label selectors only, got vector selector instead", id="info() with a metric"),
        pytest.param("info(a, sum(b))", "1:9: parse error: expected label selectors only", id="info() with an expression"),
        pytest.param('info(a, {b="c"} offset 5m)', "1:9: parse error: expected label selectors only", id="info() with a modifier"),
        pytest.param("info()", '1:1: parse error: expected at least 1 argument(s) in call to "info", got 0', id="info() of nothing"),
    ],
)  # fmt: skip
def test_errors(query: str, message: str) -> None:
    with pytest.raises(ParseError) as raised:
        read(query)

    assert str(raised.value) == message


@pytest.mark.parametrize(
    "query",
    [
        pytest.param('{a=~".+"}', id="something"),
        pytest.param('{a!=""}', id="not missing"),
        pytest.param('{a="",b="c"}', id="one matcher is enough"),
        pytest.param('a{b=~".*"}', id="a name is enough"),
        pytest.param('{"a"}', id="a quoted name too"),
        pytest.param("day_of_week()", id="optional argument left out"),
        pytest.param('label_join(a, "b", "c")', id="repeated argument left out"),
        pytest.param('label_join(a, "b", "c", "d", "e")', id="or repeated"),
        pytest.param('sort_by_label(a, "b", "c")', id="several labels"),
        pytest.param("scalar(a) + 1 > bool 2", id="scalars"),
        pytest.param("rate((a[5m]))", id="parentheses keep the type"),
        pytest.param("a[5m]", id="a range alone"),
        pytest.param('"a"', id="a string alone"),
    ],
)
def test_what_is_right(query: str) -> None:
    assert read(query)
