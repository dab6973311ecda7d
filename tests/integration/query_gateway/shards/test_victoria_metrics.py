"""VictoriaMetrics restricts queries itself: they see what one with the permitted series only would show."""

import time
from typing import Any

import pytest
from tests.integration.query_gateway.estate import Estate, ask, running, succeeded
from tests.integration.query_gateway.shards.servers import announce, backend, store

from tenantry_local.testing import Factory
from tenantry_local.victoria_metrics import VictoriaMetrics

SERIES = [
    {"__name__": name, "namespace": namespace, "job": job}
    for name in ("up", "errors_total")
    for namespace in ("shop", "bank")
    for job in "ab"
]
RULES = ('{namespace="shop"}', 'up{job=~"a|z"}')
PERMITTED = [
    one
    for one in SERIES
    if one["namespace"] == "shop" or (one["__name__"] == "up" and one["job"] == "a")
]
QUERIES = (
    "up",
    "sum by (job) (up)",
    "rate(errors_total[5m])",
    'rate({job="a"}[2m])',
    "sum(up) / on () sum(errors_total)",
    'absent(errors_total{namespace="bank"})',
    "count({namespace!=''})",
    "max_over_time(sum(up)[5m:1m])",
    "topk(2, up)",
    "up or errors_total",
    'label_replace(up, "x", "$1", "job", "(.*)")',
    "avg_over_time(up[5m] offset 1m)",
    'quantile_over_time(0.5, {__name__=~"up|errors_total"}[5m])',
)


@pytest.mark.parametrize("product", ["victoriametrics", "prometheus"])
async def test_queries_are_restricted(
    estate: Estate, victoria_metrics_factory: Factory[VictoriaMetrics], product: str
) -> None:
    end = int(time.time()) // 15 * 15 - 60
    whole, permitted = await victoria_metrics_factory(), await victoria_metrics_factory()
    await store(whole, SERIES, end)
    await store(permitted, PERMITTED, end)
    await estate.grant("shop", *RULES)
    await announce(estate, backend("vm", 0, whole.url, role="global", product=product))
    async with running(estate.gateway()):
        await estate.until(succeeded, "query", "shop", query="up")
        await estate.until(
            lambda answer: len(answer.body["data"]["result"]) == 3,
            "query",
            "shop",
            query="up",
            time=str(end),
        )
        refused = 0
        for query in QUERIES:
            for path, times in (
                ("query", {"time": str(end)}),
                ("query_range", {"start": str(end - 300), "end": str(end), "step": "30"}),
            ):
                answer = await estate.ask(path, "shop", query=query, **times)
                expected = await ask(
                    f"{permitted.url}/api/v1/{path}", {}, {"query": query, **times}
                )
                if answer.status == 422:
                    refused += expected.status != 422
                    continue
                assert (answer.status, expected.status) == (200, 200), (query, answer.body)
                assert _result(answer.body) == _result(expected.body), query

    assert refused == 0 or product == "prometheus"


def _result(body: Any) -> list[Any]:
    return sorted(body["data"]["result"], key=lambda one: sorted(one["metric"].items()))
