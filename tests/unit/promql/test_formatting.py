"""One spacing for every query."""

import pytest

import tenantry_promql as promql


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (
            "sum  by(job)( rate(x{a='b' , c=~\"d\"}[5m]) ) # why",
            "sum by (job) (rate(x{a='b',c=~\"d\"}[5m]))",
        ),
        ("a+on(b)group_left c", "a + on (b) group_left () c"),
        ("-x^-2", "-x ^ -2"),
        ("x [5m:] offset   -1h", "x[5m:] offset - 1h"),
    ],
)
def test_tokens_stay_and_spaces_change(query: str, expected: str) -> None:
    assert promql.format_query(query) == expected
    assert promql.format_query(expected) == expected


def test_what_cannot_be_read_is_an_error() -> None:
    with pytest.raises(promql.ParseError):
        promql.format_query("sum(")
