"""Clients work unchanged: promtool, Prometheus, prometheus-api-client, and what Grafana sends."""

import asyncio
import datetime
import json
from typing import Any

import aiohttp
import pytest
from prometheus_api_client import PrometheusConnect
from tests.integration.query_gateway import grafana
from tests.integration.query_gateway.grafana import Shape
from tests.integration.query_gateway.test_endpoints import END, Pair, ordered, pair

from tenantry_local import binaries
from tenantry_local.prometheus import Prometheus
from tenantry_local.testing import Factory

TENANT = "rules that overlap"


def through(asked: Pair) -> str:
    """Return the URL that a client without headers is given."""
    return str(asked.through.client.make_url("/tenants/shop"))


async def promtool(*arguments: str) -> tuple[int, str]:
    """Return the exit code and what was printed."""
    process = await asyncio.create_subprocess_exec(
        binaries.find(binaries.PROMTOOL),
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode is not None
    return process.returncode, printed.decode()


PROMTOOL: tuple[tuple[str, ...], ...] = (
    ("query", "instant", f"--time={END}", "URL", "sum by (job) (requests_total)"),
    ("query", "instant", f"--time={END}", "URL", "sort(up)"),
    ("query", "instant", f"--time={END}", "URL", "sum(up"),
    ("query", "instant", f"--time={END}", "--format=json", "URL", "sum(requests_total[1m])"),
    ("query", "range", f"--start={END - 60}", f"--end={END}", "--step=30s", "URL", "sum(up)"),
    ("query", "labels", "URL", "job"),
    ("query", "labels", "--match=up", "URL", "__name__"),
)


async def test_promtool_prints_what_it_prints_of_the_permitted_series(
    prometheus_factory: Factory[Prometheus],
) -> None:
    async with pair(prometheus_factory, TENANT) as asked:
        for arguments in PROMTOOL:
            own = [through(asked) if one == "URL" else one for one in arguments]
            direct = [asked.direct if one == "URL" else one for one in arguments]
            assert await promtool(*own) == await promtool(*direct), arguments

        series = ("query", "series", f"--start={END - 60}", f"--end={END}", "--match=up")
        code, printed = await promtool(*series, through(asked))
        expected, lines = await promtool(*series, asked.direct)
        assert (code, sorted(printed.splitlines())) == (expected, sorted(lines.splitlines()))


def used(client: PrometheusConnect) -> dict[str, Any]:
    """Use everything of the package that asks for series, apart from what needs NumPy on top."""
    start = datetime.datetime.fromtimestamp(END - 60)
    end = datetime.datetime.fromtimestamp(END)
    return {
        "metrics": sorted(client.all_metrics()),
        "labels": sorted(client.get_label_names()),
        "values": sorted(client.get_label_values("job")),
        "query": client.custom_query("sum(requests_total)", params={"time": END}),
        "value": ordered(client.get_current_metric_value("up", params={"time": END})),
        "values with labels": client.get_current_metric_value(
            "requests_total", {"job": "api", "code": "500"}, params={"time": END}
        ),
        "range": client.custom_query_range("sum(up)", start, end, "15"),
        "data": ordered(client.get_metric_range_data("up", start_time=start, end_time=end)),
        "series": ordered(client.get_series(start, end, params={"match[]": "up"})),
        "metadata": client.get_metric_metadata("up"),
    }


async def test_prometheus_api_client_finds_what_it_finds_of_the_permitted_series(
    prometheus_factory: Factory[Prometheus],
) -> None:
    async with pair(prometheus_factory, TENANT) as asked:
        by_path = PrometheusConnect(through(asked))
        by_header = PrometheusConnect(
            str(asked.through.client.make_url("")).rstrip("/"),
            headers={"X-Tenant-Namespace": "shop"},
        )
        expected = await asyncio.to_thread(used, PrometheusConnect(asked.direct))

        assert await asyncio.to_thread(used, by_path) == expected
        assert await asyncio.to_thread(used, by_header) == expected


QUERIES = (
    "sum by (job, namespace) (requests_total)",
    "count by (__name__) ({__name__=~'.+'})",
    'requests_total{namespace="bank"}',
    'up{cluster="us1"}',
    "sum(rate(requests_total[2m]))",
    "absent(errors_total)",
)


async def evaluated(url: str, query: str) -> Any:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{url}/api/v1/query", params={"query": query, "time": END}) as answer,
    ):
        assert answer.status == 200
        return ordered((await answer.json())["data"]["result"])


async def test_a_prometheus_reads_the_permitted_series_only(
    prometheus_factory: Factory[Prometheus],
) -> None:
    async with pair(prometheus_factory, TENANT) as asked:
        readers = [
            await prometheus_factory(
                settings={"remote_read": [{"url": f"{url}/api/v1/read", "read_recent": True}]}
            )
            for url in (through(asked), asked.direct)
        ]
        for query in QUERIES:
            found, expected = [await evaluated(one.url, query) for one in readers]
            assert found == expected, query


async def test_a_prometheus_federates_the_permitted_series_only(
    prometheus_factory: Factory[Prometheus],
) -> None:
    async with pair(prometheus_factory, TENANT) as asked:
        url = asked.through.client.make_url("")
        scraping = {
            "job_name": "federate",
            "honor_labels": True,
            "metrics_path": "/tenants/shop/federate",
            "params": {"match[]": ['{__name__=~".+"}']},
            "static_configs": [{"targets": [f"{url.host}:{url.port}"]}],
        }
        scraper = await prometheus_factory(scrape_interval="1s", scrape_configs=[scraping])
        counted = 'count by (__name__, namespace, job) ({__name__=~"requests_total|errors_total"})'
        async with asyncio.timeout(15):
            while not await _now(scraper.url, counted):  # noqa: ASYNC110 - a server announces nothing
                await asyncio.sleep(0.1)

        found = await _now(scraper.url, counted)

    assert {one["metric"]["namespace"] for one in found} == {"shop"}
    assert len(found) == 4


async def _now(url: str, query: str) -> list[dict[str, Any]]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{url}/api/v1/query", params={"query": query}) as answer,
    ):
        found: list[dict[str, Any]] = (await answer.json())["data"]["result"]
        return found


async def sent(url: str, shape: Shape, headers: dict[str, str]) -> tuple[int, Any]:
    """Send what Grafana sends, and return status and data."""
    times = {"start": str(END - 120), "end": str(END)}
    pairs = [
        (name, value if "{start" not in value and "{end" not in value else value.format(**times))
        for name, value in shape.parameters
    ]
    given: dict[str, Any] = {"params": pairs} if shape.method == "GET" else {"data": pairs}
    async with (
        aiohttp.ClientSession(headers={**grafana.HEADERS, **headers}) as session,
        session.request(shape.method, f"{url}{shape.path}", **given) as answer,
    ):
        return answer.status, json.loads(await answer.read())


@pytest.fixture(scope="module")
def shapes() -> dict[str, Shape]:
    """Each shape by its name."""
    found = {shape.name: shape for shape in grafana.SHAPES}
    assert len(found) == len(grafana.SHAPES)
    return found


async def test_grafana_gets_what_it_gets_of_the_permitted_series(
    prometheus_factory: Factory[Prometheus], shapes: dict[str, Shape]
) -> None:
    different = {}
    async with pair(prometheus_factory, TENANT) as asked:
        for name, shape in shapes.items():
            expected = await sent(asked.direct, shape, {})
            if name == "heuristics":
                expected[1]["data"] = {
                    **dict.fromkeys(expected[1]["data"], ""),
                    "version": "2.42.0",
                }
            found = await sent(through(asked), shape, {})
            if (found[0], ordered(found[1])) != (expected[0], ordered(expected[1])):
                different[name] = (found, expected)

    assert different == {}
