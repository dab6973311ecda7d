"""Which range queries may be answered in pieces."""

import pytest

from query_gateway.cache.eligible import is_eligible
from tenantry_promql.settings import Limits


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param("up", True, id="a selector"),
        pytest.param("sum by (job) (rate(x[5m] offset 1h))", True, id="a rate"),
        pytest.param("{job='a'}", True, id="several names"),
        pytest.param("sum({job='a'})", True, id="several names, compared at each step"),
        pytest.param("x @ 1234", False, id="a fixed time, which may be young"),
        pytest.param("x offset -5m", False, id="what comes after a step"),
        pytest.param("x - 5", True, id="a difference"),
        pytest.param("max_over_time(x[1h:1m] offset -1h)", False, id="a subquery into the future"),
        pytest.param("increase(x[5m] smoothed)", False, id="the sample after a step"),
        pytest.param("topk(3, x)", True, id="the largest of each step"),
        pytest.param("max_over_time(x[1h:1m])", True, id="a subquery"),
        pytest.param("time() - x", True, id="the time of a step"),
        pytest.param("-x", True, id="a sign"),
        pytest.param("x @ start()", False, id="the time of the range"),
        pytest.param("sum(max_over_time(x[1h:1m] @ end()))", False, id="the end of the range"),
        pytest.param("x[step()]", False, id="durations that are computed"),
        pytest.param("rate({job='a'}[5m])", False, id="a rate of several names"),
        pytest.param("-{job='a'}", False, id="a sign before several names"),
        pytest.param("label_replace(x, 'a', 'b', 'c', 'd')", False, id="labels that may meet"),
        pytest.param("limitk(3, x)", False, id="any of them"),
        pytest.param("info(x)", False, id="info"),
        pytest.param("sum(", False, id="no query"),
    ],
)
def test_each_step_has_to_stand_alone(query: str, expected: bool) -> None:
    assert is_eligible(query, Limits()) is expected
