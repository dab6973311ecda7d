"""However a source is asked (whole, by name, as JSON, for the newest only): the same samples."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from collector.assign import HaSet
from collector.testing import (
    Point,
    Rig,
    backend,
    eventually,
    job,
    messages,
    points,
    requests,
    series,
    stamps,
    store,
)
from tenantry_common.contracts import Matcher, RelabelRule
from tenantry_local.prometheus import Prometheus, major_version
from tenantry_local.testing import Factory

STALE = 0x7FF0000000000002
EXTERNAL = {"cluster": "eu1"}


async def source(prometheus_factory: Factory[Prometheus]) -> Prometheus:
    return await prometheus_factory(
        external_labels={**EXTERNAL, "replica": "a"}, out_of_order_window="1h"
    )


def read_from(url: str) -> HaSet:
    return (backend(url, external_labels=EXTERNAL, replica_labels={"replica": "a"}),)


def held(stored: bytes) -> Counter[Point]:
    """What a Prometheus holds of a request; from 3.0 on nothing that has no name."""
    found = points(stored)
    named = {one: count for one, count in found.items() if "__name__" in dict(one[0])}
    return found if major_version() < 3 else Counter(named)


@asynccontextmanager
async def without_remote_read(upstream: str) -> AsyncIterator[str]:
    """A proxy that lets queries through and nothing else."""

    async def query(request: web.Request) -> web.Response:
        async with aiohttp.ClientSession() as session:
            answer = await session.post(f"{upstream}/api/v1/query", data=await request.post())
            return web.Response(status=answer.status, body=await answer.read())

    app = web.Application()
    app.router.add_post("/api/v1/query", query)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")


async def test_ranges_as_json_hold_the_same_samples_but_no_stale_markers(
    rig: Rig, prometheus_factory: Factory[Prometheus]
) -> None:
    prometheus = await source(prometheus_factory)
    begin = rig.clock.now_ms
    values = (0, 1, 0x3FD5555555555555, 0x7FF0000000000000, 0xFFF0000000000000, 0x7FF8000000000001)
    stored = b"".join(
        series(
            {"__name__": "m", "n": str(n), "é": 'x"\\'} if n % 2 else {"n": str(n)},
            [(begin - 9_999 + k * 1_111, values[(n + k) % 6]) for k in range(27)],
        )
        for n in range(12)
    )
    ending = series({"__name__": "m", "n": "z"}, [(begin - 1_000, 5), (begin, STALE)])
    await store(prometheus.url, stored + ending)
    rig.job = job([(Matcher("n", "=~", "[a-z0-9]+"),), (Matcher("__name__", "=", "m"),)])
    async with without_remote_read(prometheus.url) as url:
        rig.ha_set = read_from(url)
        async with rig.running() as loop:
            await rig.collected(loop, begin)
            await rig.collected(loop, begin + 10_000)
            await rig.collected(loop, begin + 20_000)
            said = loop.progress.progress.last_error

    expected = held(stored) + points(series({"__name__": "m", "n": "z"}, [(begin - 1_000, 5)]))
    found = points(requests(await messages(rig.connection)))
    assert {
        (labels | {("cluster", "eu1")}, data): count for (labels, data), count in expected.items()
    } == found
    assert "stale markers and native histograms are not delivered" in said


async def test_answers_divided_by_name_hold_the_same_samples(
    rig: Rig, prometheus_factory: Factory[Prometheus]
) -> None:
    prometheus = await source(prometheus_factory)
    begin = rig.clock.now_ms
    rows = [
        ({"__name__": f"m{n % 7}", "n": str(n)} if n % 8 else {"n": str(n)}) for n in range(200)
    ]
    stored = b"".join(
        series(labels, [(begin - 5_000, n), (begin, n)]) for n, labels in enumerate(rows)
    )
    await store(prometheus.url, stored)
    rig.ha_set = read_from(prometheus.url)
    rig.job = job([(Matcher("n", "=~", ".*0"),), (Matcher("n", "!=", ""),)])
    rig.max_bytes = 5_000
    await store(prometheus.url, series({"__name__": "new", "n": "new"}, [(begin + 10_000, 1)]))

    async with rig.running() as loop:
        await rig.collected(loop, begin)
        fetched = rig.metrics.windows.labels("too_large")._value.get()
        await rig.collected(loop, begin + 10_000)

    found = points(requests(await messages(rig.connection)))
    assert found == {
        (labels | {("cluster", "eu1")}, data): 1
        for labels, data in held(
            stored + series({"__name__": "new", "n": "new"}, [(begin + 10_000, 1)])
        )
    }
    assert fetched == 0


async def test_latest_is_the_newest_sample_of_each_series_and_interval(
    rig: Rig, prometheus_factory: Factory[Prometheus]
) -> None:
    prometheus = await source(prometheus_factory)
    begin = rig.clock.now_ms
    times = range(begin - 9_000, begin + 40_001, 1_000)
    every_second = series({"__name__": "m", "n": "often"}, [(t, t) for t in times])
    rare = series({"__name__": "m", "n": "rare"}, [(begin - 8_000, 1), (begin + 15_000, 2)])
    ended = series({"__name__": "m", "n": "ended"}, [(begin - 2_000, 1), (begin + 1_000, STALE)])
    await store(prometheus.url, every_second + rare + ended)
    rig.ha_set = read_from(prometheus.url)
    rig.job = job(collection="latest")

    async with rig.running() as loop:
        await rig.collected(loop, begin)
        await rig.collected(loop, begin + 10_000)
        # Two intervals at once: only the newer one counts.
        await rig.collected(loop, begin + 30_000)
        await rig.collected(loop, begin + 40_000)
        told = loop.collected()

    assert (told["source"], told["metricsCollected"], told["lastCollection"]) == (
        ("a", 1, begin + 40_000)
    )
    found = await messages(rig.connection)
    assert stamps(found) == {
        "often": [begin, begin + 10_000, begin + 30_000, begin + 40_000],
        "rare": [begin - 8_000, begin + 15_000],
        "ended": [begin - 2_000, begin + 1_000],
    }
    assert rig.metrics.skipped._value.get() == 1
    assert rig.metrics.late.labels("refused")._value.get() == 0


@pytest.mark.parametrize("answer", ["unreachable", "garbage", "error", "slow", "too large"])
async def test_source_that_answers_anything_but_samples_is_told_and_tried_again(
    rig: Rig, prometheus_factory: Factory[Prometheus], answer: str
) -> None:
    prometheus = await source(prometheus_factory)
    begin = rig.clock.now_ms
    await store(prometheus.url, series({"__name__": "m", "n": "1"}, [(begin, 1)]))
    broken = True

    async def read(request: web.Request) -> web.StreamResponse:
        if broken and answer == "garbage":
            return web.Response(body=b"\x05hello", headers={"Content-Encoding": "snappy"})
        if broken and answer == "error":
            return web.Response(status=500, text="out of order\nstack")
        if broken and answer == "slow":
            response = web.StreamResponse(headers={"Content-Encoding": "snappy"})
            await response.prepare(request)
            await response.write(b"\x7f")
            await eventually(lambda: not broken or request.transport is None, 30)
            return response
        if broken and answer == "too large":
            return web.Response(
                body=b"\xff\xff\xff\xff\x0f", headers={"Content-Encoding": "snappy"}
            )
        async with aiohttp.ClientSession(auto_decompress=False) as session:
            body = await request.read()
            upstream = await session.post(
                f"{prometheus.url}/api/v1/read", data=body, headers=request.headers
            )
            return web.Response(body=await upstream.read(), headers={"Content-Encoding": "snappy"})

    app = web.Application()
    app.router.add_post("/api/v1/read", read)
    async with TestServer(app) as server:
        url = "http://127.0.0.1:1" if answer == "unreachable" else str(server.make_url(""))
        rig.ha_set = read_from(url.rstrip("/"))
        rig.job = job()
        rig.fetch_timeout = 0.5
        async with rig.running() as loop:
            rig.clock.now_ms = begin
            loop.wake()
            await eventually(lambda: loop.progress.progress.last_error != "", 30)
            said = loop.progress.progress.last_error
            broken = False
            rig.ha_set = read_from(str(server.make_url("")).rstrip("/"))
            await rig.collected(loop, begin)

    assert stamps(await messages(rig.connection)) == {"1": [begin]}
    assert {
        "unreachable": "a: ClientConnectorError",
        "garbage": "a: broken answer: not a snappy block",
        "error": "a: HTTP 500: out of order",
        "slow": "a: no answer within 0.5 s",
        "too large": "answer of more than 67108864 bytes",
    }[answer] in said
    assert "stack" not in said


async def test_relabelling_that_drops_everything_publishes_nothing_and_goes_on(
    rig: Rig, prometheus_factory: Factory[Prometheus]
) -> None:
    prometheus = await source(prometheus_factory)
    begin = rig.clock.now_ms
    await store(prometheus.url, series({"__name__": "m", "n": "1"}, [(begin, 1)]))
    rig.ha_set = read_from(prometheus.url)
    rig.job = job(relabelings=(RelabelRule(action="drop", source_labels=("n",), regex=".*"),))

    async with rig.running() as loop:
        await rig.collected(loop, begin)
        await rig.collected(loop, begin + 10_000)
        progress = loop.progress.progress

    assert await messages(rig.connection) == []
    assert (progress.series, progress.samples, progress.last_error) == (0, 0, "")
    assert rig.metrics.dropped.labels("relabelled")._value.get() == 2


async def test_interval_shorter_than_its_work_takes_what_piled_up_at_once_and_says_so(
    rig: Rig, prometheus_factory: Factory[Prometheus]
) -> None:
    prometheus = await source(prometheus_factory)
    begin = rig.clock.now_ms
    times = range(begin - 999, begin + 5_001, 100)
    await store(prometheus.url, series({"__name__": "m", "n": "1"}, [(t, 1) for t in times]))
    asked = 0

    async def read(request: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        # Meanwhile two intervals end.
        rig.clock.now_ms += 2_000
        async with aiohttp.ClientSession(auto_decompress=False) as session:
            body = await request.read()
            upstream = await session.post(
                f"{prometheus.url}/api/v1/read", data=body, headers=request.headers
            )
            return web.Response(body=await upstream.read(), headers={"Content-Encoding": "snappy"})

    app = web.Application()
    app.router.add_post("/api/v1/read", read)
    async with TestServer(app) as server:
        rig.ha_set = read_from(str(server.make_url("")).rstrip("/"))
        rig.job = job(interval_ms=1_000)
        async with rig.running() as loop:
            rig.clock.now_ms = begin
            loop.wake()
            await eventually(lambda: loop.progress.progress.window_end_ms >= begin + 4_000, 30)

    windows = [one.headers["Tenantry-Window"] for one in await messages(rig.connection)][:3]
    assert windows == [
        f"{begin - 1_000}-{begin}",
        f"{begin}-{begin + 2_000}",
        f"{begin + 2_000}-{begin + 4_000}",
    ]


async def test_interval_shorter_than_its_work_is_told(
    rig: Rig, prometheus_factory: Factory[Prometheus]
) -> None:
    prometheus = await source(prometheus_factory)
    rig.ha_set = read_from(prometheus.url)
    rig.job = job(interval_ms=1)

    async with rig.running() as loop:
        await rig.collected(loop, rig.clock.now_ms)
        await eventually(lambda: loop.progress.progress.last_error != "")
        said = loop.progress.progress.last_error

    assert said.startswith("a window takes ")
    assert said.endswith(" s, the interval is 0.001 s")
    assert rig.metrics.slow._value.get() >= 1
