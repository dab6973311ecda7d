"""An endpoint that is away for longer than the stream remembers gets everything all the same."""

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import aiohttp
import msgspec
import pytest
import pytest_asyncio
import yaml
from nats.aio.msg import Msg

from collector import selection
from collector.config import Config
from collector.pull import Answer, Puller
from collector.schedule import Window
from collector.testing import SHARD, Point, backend, job, points
from tenantry_common import bus, config, contracts, kv, remote_read, streams, subjects
from tenantry_common.contracts import Backfill, Endpoint, Matcher
from tenantry_common.testing import mirror, until
from tenantry_local.nats_server import NatsServer
from tenantry_local.process import Process
from tenantry_local.prometheus import Prometheus
from tenantry_local.testing import Factory

WANTED = job([(Matcher("__name__", "=~", "prometheus_.*|up"),)], interval_ms=1_000)
KEPT = 40
"""Batches that the stream remembers."""


@pytest.fixture
def nats(fresh_nats_server: NatsServer) -> config.Nats:
    """A forgetful stream."""
    return config.Nats(servers=(fresh_nats_server.url,), samples_max_per_subject=KEPT)


@pytest_asyncio.fixture
async def link(nats: config.Nats) -> AsyncIterator[bus.Bus]:
    async with bus.connect(nats, "test") as connection:
        await streams.ensure(connection, nats)
        yield connection


def service(module: str, settings: object, folder: Path) -> Process:
    path = folder / f"{module}.yaml"
    path.write_text(yaml.safe_dump(msgspec.to_builtins(settings)))
    return Process(
        module,
        [sys.executable, "-m", module, "--config", path],
        log=folder / f"{module}.log",
    )


async def scraping(prometheus_factory: Factory[Prometheus]) -> Prometheus:
    prometheus = await prometheus_factory(scrape_interval="300ms")
    target = prometheus.url.removeprefix("http://")
    prometheus.scrape_configs.append(
        {"job_name": "self", "static_configs": [{"targets": [target]}]}
    )
    await prometheus.restart()
    return prometheus


async def held(url: str, window: Window) -> Counter[Point]:
    """Return everything that a Prometheus holds of the job's series in a window."""
    async with aiohttp.ClientSession(auto_decompress=False) as http:
        puller = Puller(http, timeout=10, max_bytes=1 << 28, per_source=1)
        queries = selection.queries(selection.rule_set(WANTED.rules), window)
        answer = await puller.read(backend(url), queries)
    assert isinstance(answer, Answer)
    found = remote_read.series(answer.data)
    return points(b"".join(answer.data[one.entry : one.end] for one in found))


class Watch:
    """Counts messages on some subjects."""

    def __init__(self) -> None:
        self.seen: list[dict[str, str]] = []
        self._changed = asyncio.Condition()

    async def on(self, connection: bus.Bus, subject: str) -> None:
        await connection.client.subscribe(subject, cb=self._see)

    async def _see(self, message: Msg) -> None:
        async with self._changed:
            self.seen.append(dict(message.headers or {}))
            self._changed.notify_all()

    async def until(self, condition: Callable[[list[dict[str, str]]], bool]) -> None:
        async with asyncio.timeout(40), self._changed:
            await self._changed.wait_for(lambda: condition(self.seen))


async def delivered_until(connection: bus.Bus, end_ms: int) -> contracts.Progress:
    """Wait until the writer says that the endpoint has everything up to then."""

    def said(found: Mapping[str, contracts.Report]) -> list[contracts.Progress]:
        return [
            one
            for report in found.values()
            if report.component == "writer"
            for one in report.progress
            if one.window_end_ms >= end_ms and not one.gaps
        ]

    async with mirror(connection, subjects.REPORTS, contracts.decode_report) as reports:
        [progress] = said(await until(reports, lambda found: bool(said(found)), seconds=60))
    return progress


@pytest.mark.timeout(180)
async def test_it_has_every_sample_once_though_the_collector_was_killed_meanwhile(
    link: bus.Bus, nats: config.Nats, prometheus_factory: Factory[Prometheus], tmp_path: Path
) -> None:
    source, endpoint = await scraping(prometheus_factory), await prometheus_factory()
    settings = Config(
        nats=nats, instance="c", settle_seconds=1.0, spread_seconds=0.0, slice_seconds=2.0,
        batch_series=40,
    )  # fmt: skip
    collector = service("collector", settings, tmp_path)
    patience = {"ack_wait_seconds": 2.0, "request_timeout_seconds": 1.5, "retry_limit_seconds": 0.2}
    writer = service(
        "writer", {"nats": msgspec.to_builtins(nats), "instance": "w", **patience}, tmp_path
    )
    wanted = msgspec.structs.replace(
        WANTED,
        endpoints=(Endpoint(id="0", kind="prometheus", url=endpoint.remote_write_url),),
    )
    windows, made_up = Watch(), Watch()
    await windows.on(link, subjects.samples(SHARD))
    await made_up.on(link, subjects.backfill(SHARD, "0"))
    source_entry = backend(source.url)
    await kv.put(link, subjects.BACKENDS, "a", contracts.encode(source_entry))
    await kv.put(link, subjects.JOBS, subjects.job_key(SHARD.job), contracts.encode(wanted))

    async with asyncio.timeout(150):
        await writer.start()
        await collector.start()
        await windows.until(lambda seen: len(ends(seen)) >= 3)
        begin = min(ends(windows.seen)) - 1_000
        await delivered_until(link, begin + 1_000)
        await endpoint.kill()
        away = max(ends(windows.seen))
        await windows.until(lambda seen: max(ends(seen)) >= away + 10_000)
        await endpoint.start()
        await made_up.until(lambda seen: len(seen) >= 3)
        await collector.kill()
        before = len(made_up.seen)
        await collector.start()
        end = max(ends(windows.seen)) + 3_000
        progress = await delivered_until(link, end + 1_000)  # and so all parts of that window
        await collector.terminate()
        await writer.terminate()
        asked = await requests(link)

    span = Window(begin, end)
    there, here = await held(source.url, span), await held(endpoint.url, span)
    assert (len(there) > 0, there - here, here - there) == (True, Counter(), Counter())
    assert len(made_up.seen) > before
    assert progress.rejected == 0
    # The stream goes on while a span is made up, so that a second one may be missed.
    assert progress.made_up == sum(one.samples for one in asked) == samples(made_up.seen) > 0
    assert all(one.delivered_ms for one in asked)
    assert {(one.lost_ms, one.empty_ms) for one in asked} == {(0, 0)}


def ends(seen: list[dict[str, str]]) -> set[int]:
    """Return the ends of windows of which the last part was seen."""
    return {
        int(headers[subjects.HEADER_WINDOW].split("-")[1])
        for headers in seen
        if len(set(headers[subjects.HEADER_PART].split("/"))) == 1
    } or {0}


def samples(seen: list[dict[str, str]]) -> int:
    return sum(int(headers[subjects.HEADER_SAMPLES]) for headers in seen)


async def requests(connection: bus.Bus) -> list[Backfill]:
    async with mirror(connection, subjects.BACKFILLS, contracts.decode_backfill) as found:
        return [one for one in found.snapshot.values() if one.end_ms]
