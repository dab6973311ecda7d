"""The ranges of a query add up where one lies within the other."""

import pytest

from tenantry_promql import Limits, ParseError, PromQLError, reach


@pytest.mark.parametrize(
    ("query", "seconds"),
    [
        pytest.param("up", 0, id="no range"),
        pytest.param("up[5m]", 300, id="a range selector alone"),
        pytest.param("rate(up[5m])", 300, id="in a call"),
        pytest.param("rate(up[ 1h30m ])", 5400, id="blanks and several units"),
        pytest.param("rate(up[90])", 90, id="a number of seconds"),
        pytest.param("rate(up[0x10])", 16, id="a number of another base"),
        pytest.param("rate(up[1.5])", 1.5, id="a number with a fraction"),
        pytest.param("rate(up[5m]) + rate(up[1h])", 3600, id="the longest counts"),
        pytest.param(
            "max_over_time(rate(up[5m])[1h:1m])", 3900, id="a subquery, and what is in it"
        ),
        pytest.param("max_over_time(up[1h:])", 3600, id="a subquery without a step"),
        pytest.param(
            "max_over_time(max_over_time(up[1h:1m])[1d:])", 90000, id="a subquery in another"
        ),
        pytest.param("sum(rate(up[5m] offset 30d))", 300, id="an offset moves"),
        pytest.param("sum(rate(up[5m] @ 0))", 300, id="so does @"),
        pytest.param("topk(scalar(rate(up[10m])), up)", 600, id="in a parameter"),
        pytest.param('label_replace(up, "a", "[5m]", "b", "")', 0, id="in a text it is none"),
        pytest.param('{"[1y]"}', 0, id="nor in a name"),
        pytest.param("+".join(["rate(up[5m])"] * 2000), 300, id="a long row"),
    ],
)
def test_how_far_a_query_reaches(query: str, seconds: float) -> None:
    assert reach(query) == seconds


@pytest.mark.parametrize(
    "query",
    [pytest.param("up[", id="syntax"), pytest.param("(" * 200 + "up" + ")" * 200, id="depth")],
)
def test_what_cannot_be_read(query: str) -> None:
    with pytest.raises(PromQLError):
        reach(query)
    with pytest.raises(ParseError):
        reach("up[5m", limits=Limits())
