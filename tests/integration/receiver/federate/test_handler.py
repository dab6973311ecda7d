"""`/federate` over HTTP, and a real Prometheus that scrapes it."""

import asyncio
import contextlib
import gzip
import time
from collections.abc import AsyncIterator, Collection, Mapping
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from prometheus_client import parser

from receiver.federate.handler import Handler
from receiver.federate.mirror import Mirror
from receiver.federate.testing import block, metric
from tenantry_common import bus, snappy_block, subjects, testing
from tenantry_common.proto import remote_pb2
from tenantry_common.subjects import JobRef
from tenantry_local.nats_server import NatsServer
from tenantry_local.ports import LOOPBACK, free_port
from tenantry_local.prometheus import Prometheus
from tenantry_local.testing import Factory

TEAM, OTHER = JobRef("team", "edge"), JobRef("other", "edge")


async def admit(request: web.Request) -> Collection[str] | None:
    match request.headers.get("Authorization"):
        case "Bearer platform":
            return None
        case "Bearer team":
            return ("team",)
    raise web.HTTPUnauthorized


@contextlib.asynccontextmanager
async def serving(connection: bus.Bus, *, complete: bool = True) -> AsyncIterator[str]:
    """Yield the URL of a page in front of the stream."""
    mirror = Mirror(connection)
    app = web.Application()
    app.router.add_get("/federate", Handler(mirror, admit).answer)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, LOOPBACK, port).start()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(mirror.run()) if complete else None
        try:
            if complete:
                await asyncio.wait_for(mirror.complete(), 20)
            yield f"http://{LOOPBACK}:{port}/federate"
        finally:
            if task is not None:
                task.cancel()
            await runner.cleanup()


@contextlib.asynccontextmanager
async def clusters(url: str) -> AsyncIterator[bus.Bus]:
    """Yield a bus on whose stream two clusters of `team` and one of `other` have pushed."""
    async with testing.ready_bus(url) as connection:
        now = int(time.time() * 1000)
        for job, cluster in ((TEAM, "a"), (TEAM, "b"), (OTHER, "c")):
            data = block(
                (metric("up", _id=cluster, job="x"), 1, now),
                (metric("jobs_total", _id=cluster), 0.1, now),
                (metric("http.requests", _id=cluster), 2, now),
                types={"up": "gauge", "jobs_total": "counter"},
            )
            await connection.js.publish(subjects.latest(job, cluster), data)
        yield connection


async def ask(
    url: str, caller: str = "platform", parameters: str = "", **headers: str
) -> tuple[int, bytes, Mapping[str, str]]:
    sent = {"Authorization": f"Bearer {caller}", "Accept-Encoding": "identity", **headers}
    async with (
        aiohttp.ClientSession(auto_decompress=False) as session,
        session.get(f"{url}{parameters}", headers=sent) as response,
    ):
        return response.status, await response.read(), response.headers


def sources(body: bytes) -> set[str]:
    return {
        sample.labels["_id"]
        for family in parser.text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


async def test_everybody_sees_their_own(fresh_nats_server: NatsServer) -> None:
    async with clusters(fresh_nats_server.url) as connection, serving(connection) as url:
        assert sources((await ask(url))[1]) == {"a", "b", "c"}
        assert sources((await ask(url, "team"))[1]) == {"a", "b"}
        assert sources((await ask(url, "team", '?match[]={_id="c"}'))[1]) == set()
        status, body, _ = await ask(url, "nobody")
        assert status == 401
        assert b"up" not in body


async def test_shards_of_two_scrapes_make_up_the_whole(fresh_nats_server: NatsServer) -> None:
    async with clusters(fresh_nats_server.url) as connection, serving(connection) as url:
        first, second = [sources((await ask(url, "platform", f"?shard={n}/2"))[1]) for n in (1, 2)]

    assert first | second == {"a", "b", "c"}
    assert not first & second


@pytest.mark.parametrize(
    ("parameters", "named"),
    [
        ("?match[]=up%7B", "match[]"),
        ("?shard=3/2", "shard"),
        ("?shard=1/2&shard=2/2", "shard"),
        ("?match=up", "match"),
        ("?" + "&".join(["match[]=up"] * 65), "match[]"),
    ],
)
async def test_bad_parameters_are_named(
    fresh_nats_server: NatsServer, parameters: str, named: str
) -> None:
    async with clusters(fresh_nats_server.url) as connection, serving(connection) as url:
        status, body, _ = await ask(url, "platform", parameters)

    assert (status, body.decode().partition(":")[0]) == (400, named)


async def test_gzip_for_who_takes_it(fresh_nats_server: NatsServer) -> None:
    async with clusters(fresh_nats_server.url) as connection, serving(connection) as url:
        _, plain, bare = await ask(url, **{"Accept-Encoding": "gzip;q=0"})
        _, small, headers = await ask(url, **{"Accept-Encoding": "deflate, gzip"})

    assert "Content-Encoding" not in bare
    assert headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(small) == plain


async def test_formats_are_negotiated(fresh_nats_server: NatsServer) -> None:
    async with clusters(fresh_nats_server.url) as connection, serving(connection) as url:
        _, text, headers = await ask(url, Accept="text/plain")
        assert headers["Content-Type"].startswith("text/plain; version=0.0.4")
        assert b"U__http_2e_requests" in text
        _, text, _ = await ask(url, Accept="text/plain;escaping=allow-utf-8")
        assert b'"http.requests"' in text
        _, text, headers = await ask(url, Accept="application/openmetrics-text")
        assert headers["Content-Type"].startswith("application/openmetrics-text")
        assert text.endswith(b"# EOF\n")
        status, _, _ = await ask(url, Accept="text/html")
        assert status == 406


async def test_a_page_that_is_not_complete_is_not_served(fresh_nats_server: NatsServer) -> None:
    async with (
        clusters(fresh_nats_server.url) as connection,
        serving(connection, complete=False) as url,
    ):
        status, _, headers = await ask(url)

    assert (status, headers["Retry-After"]) == (503, "5")


def native(cluster: str, stamp: int) -> bytes:
    """Return what a cluster pushes that has a native histogram."""
    made = remote_pb2.WriteRequest()
    series = made.timeseries.add()
    series.labels.add(name="__name__", value="latency")
    series.labels.add(name="_id", value=cluster)
    histogram = series.histograms.add(
        count_int=6, sum=18.4, schema=1, zero_threshold=0.001, zero_count_int=1, timestamp=stamp
    )
    histogram.positive_spans.add(offset=0, length=2)
    histogram.positive_spans.add(offset=1, length=1)
    histogram.positive_deltas.extend((1, 1, -1))
    histogram.negative_spans.add(offset=-3, length=1)
    histogram.negative_deltas.append(1)
    return snappy_block.compress(made.SerializeToString())


async def query(server: Prometheus, expression: str) -> list[dict[str, Any]]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{server.url}/api/v1/query", params={"query": expression}) as response,
    ):
        found: list[dict[str, Any]] = (await response.json())["data"]["result"]
        return found


@pytest.mark.parametrize(
    "flags", [(), ("--enable-feature=native-histograms",)], ids=["text", "protobuf"]
)
async def test_a_prometheus_gets_every_source_once(
    fresh_nats_server: NatsServer,
    prometheus_factory: Factory[Prometheus],
    flags: tuple[str, ...],
) -> None:
    async with clusters(fresh_nats_server.url) as connection, serving(connection) as url:
        now = int(time.time() * 1000)
        await connection.js.publish(subjects.latest(TEAM, "n"), native("n", now))
        await asyncio.sleep(1)
        server = await prometheus_factory(
            flags=flags,
            scrape_configs=[
                {
                    "job_name": "federate",
                    "honor_labels": True,
                    "scrape_interval": "1s",
                    "metrics_path": "/federate",
                    "authorization": {"credentials": "platform"},
                    "static_configs": [{"targets": [url.split("/")[2]]}],
                }
            ],
        )
        async with asyncio.timeout(30):
            while not await query(server, "jobs_total"):  # noqa: ASYNC110 - nothing announces a scrape
                await asyncio.sleep(0.2)

        found = await query(server, '{_id!=""}')
        by_series = {(one["metric"]["__name__"], one["metric"]["_id"]): one for one in found}
        assert len(by_series) == len(found)
        floats = {(name, c) for name in ("up", "jobs_total") for c in "abc"}
        assert floats <= set(by_series)
        assert by_series["jobs_total", "a"]["value"][1] == "0.1"
        if flags:
            assert by_series["latency", "n"]["histogram"][1]["count"] == "6"
            [total] = await query(server, "histogram_sum(latency)")
            assert total["value"][1] == "18.4"
        else:
            assert ("latency", "n") not in by_series
        [up] = await query(server, 'up{job="federate"}')
        assert up["value"][1] == "1"
