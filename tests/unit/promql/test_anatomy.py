"""What kind of query it is."""

import pytest

import tenantry_promql as promql
from tenantry_promql import Anatomy


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("up", Anatomy(keeps_labels=True, reads_series=True, reads_info=False)),
        (
            "topk(scalar(up), vector(1))",
            Anatomy(keeps_labels=False, reads_series=True, reads_info=False),
        ),
        ("1 + 1", Anatomy(keeps_labels=False, reads_series=False, reads_info=False)),
        ("sum(info(up))", Anatomy(keeps_labels=False, reads_series=True, reads_info=True)),
    ],
)
def test_a_query_is_told_apart(query: str, expected: Anatomy) -> None:
    assert promql.anatomy(query) == expected


@pytest.mark.parametrize(
    "query",
    [
        "((up{a='b'}[5m] offset 1h))",
        "up[5m:1m]",
        "topk(3, up) or last_over_time(down[5m])",
        "sort_desc(up and on (job) down unless x)",
        "up == 0",
        "1 < (up)",
        "limitk(2, bottomk by (a) (3, up > 1))",
    ],
)
def test_what_only_chooses_among_series_keeps_their_labels(query: str) -> None:
    assert promql.anatomy(query).keeps_labels


@pytest.mark.parametrize(
    "query",
    [
        "-up",
        "+up",
        "up + 0",
        "up == bool 0",
        "up > down",
        "up > on (job) down",
        "up == 0 or vector(1)",
        "up or 1 < up",
        "sum(up)",
        "rate(up[5m])",
        "abs(up)",
        "timestamp(up)",
        "absent(up)",
        "label_replace(up, 'a', '', '', '')",
        "count_values('v', up)",
        "'text'",
        "1",
    ],
)
def test_what_computes_may_have_any_labels(query: str) -> None:
    assert not promql.anatomy(query).keeps_labels


def test_what_cannot_be_read_is_an_error() -> None:
    with pytest.raises(promql.ParseError):
        promql.anatomy("up{")
