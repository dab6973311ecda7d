"""Answers put together from pieces are those of a real Prometheus, to the last digit."""

import pytest
from tests.integration.query_gateway.estate import Estate, ask, running, succeeded
from tests.integration.query_gateway.test_app import END, SAMPLES, STEP, in_any_order, load, series

import tenantry_promql as promql
from query_gateway.cache import eligible
from tenantry_local.prometheus import Prometheus
from tenantry_local.testing import Factory
from tenantry_promql.settings import Limits

RULE = '{namespace="shop"}'
QUERIES = (
    "requests_total",
    'requests_total{code="500"} > 5',
    "requests_total > 3 < 9",
    "rate(requests_total[1m])",
    "sum by (job) (rate(requests_total[2m]))",
    "sum(rate(errors_total[2m])) / sum(rate(requests_total[2m]))",
    "topk(2, requests_total)",
    "quantile(0.9, requests_total)",
    "count_values('v', requests_total)",
    "max_over_time(requests_total[3m:30s])",
    "requests_total offset 2m",
    "changes(requests_total[2m]) unless on (job) (requests_total > 8)",
    "absent(requests_total{code='404'})",
    "absent_over_time(requests_total[1m])",
    "histogram_quantile(0.5, requests_total)",
    "sort(requests_total)",
    "predict_linear(requests_total[2m], 60)",
    "time() - timestamp(requests_total)",
    "minute() + on () group_right () requests_total",
    "vector(time())",
    "scalar(sum(requests_total)) * errors_total",
    "-requests_total",
    "requests_total and errors_total or ignoring (code) errors_total",
    "{__name__=~'requests.*|errors.*'}",
    "stddev by (code) ({namespace='shop'})",
)
BEGIN = END - SAMPLES * STEP
WINDOWS = ((0, 12), (4, 20), (-8, 40), (1, 60), (0, 12))
"""Steps between the first sample and a range's beginning, and how many it has: the last ones reach beyond
what there is."""


@pytest.mark.parametrize("step", [STEP, 7])
async def test_overlapping_ranges_are_answered_like_prometheus_does(
    estate: Estate, prometheus_factory: Factory[Prometheus], step: int
) -> None:
    prometheus = await prometheus_factory()
    await load(prometheus, series())
    rules = promql.RuleSet([promql.parse_rule(RULE)])
    await estate.grant("shop", RULE)
    await estate.publish(prometheus)

    async with running(estate.gateway(cache={"fresh_seconds": 0})):
        await estate.until(succeeded, "query", "shop", query="vector(1)")
        for query in QUERIES:
            assert eligible.is_eligible(query, Limits()), query
            for first, steps in WINDOWS:
                start = BEGIN + first * step
                form = {"start": str(start), "end": str(start + steps * step), "step": str(step)}
                found = await estate.ask("query_range", "shop", query=query, **form)
                sent = promql.rewrite_query(query, rules).query
                expected = await ask(
                    f"{prometheus.url}/api/v1/query_range", {}, {**form, "query": sent}
                )
                in_any_order(found)
                in_any_order(expected)
                assert found == expected, (query, form)
        page = await estate.page("/metrics")

    (kept,) = [
        float(line.split()[1])
        for line in page.body.splitlines()
        if line.startswith('tenantry_query_gateway_cache_steps_total{outcome="kept"}')
    ]
    assert kept > len(QUERIES) * 40
