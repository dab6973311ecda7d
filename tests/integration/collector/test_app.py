"""Whole collectors as processes, between a real Prometheus that scrapes and a real nats-server."""

import asyncio
import sys
from pathlib import Path

import aiohttp
import msgspec
import pytest
import yaml

from collector import selection
from collector.config import Config
from collector.pull import Answer, Puller
from collector.schedule import Window
from collector.testing import SHARD, backend, job, messages, points, requests
from tenantry_common import bus, contracts, kv, remote_read, subjects, testing
from tenantry_common.contracts import Backend, DeliveryJob, Matcher
from tenantry_common.testing import mirror, until
from tenantry_local.nats_server import NatsServer
from tenantry_local.process import Process
from tenantry_local.prometheus import Prometheus
from tenantry_local.testing import Factory

EVERY_SECOND = job([(Matcher("__name__", "=~", "prometheus_.*|up"),)], interval_ms=1_000)


@pytest.fixture
def settings(fresh_nats_server: NatsServer) -> Config:
    """A hasty collector."""
    return Config(
        nats=testing.settings(fresh_nats_server.url), settle_seconds=1.0, spread_seconds=0.0
    )


def process(settings: Config, folder: Path, instance: str) -> Process:
    config = folder / f"{instance}.yaml"
    config.write_text(
        yaml.safe_dump(msgspec.to_builtins(msgspec.structs.replace(settings, instance=instance)))
    )
    return Process(
        instance,
        [sys.executable, "-m", "collector", "--config", config],
        log=folder / f"{instance}.log",
    )


async def put_job(connection: bus.Bus, value: DeliveryJob) -> None:
    key = subjects.job_key(SHARD.job)
    await kv.put(connection, subjects.JOBS, key, contracts.encode(value))


async def put_backend(connection: bus.Bus, value: Backend) -> None:
    key = subjects.token(value.id)
    await kv.put(connection, subjects.BACKENDS, key, contracts.encode(value))


async def scraping(prometheus_factory: Factory[Prometheus]) -> Prometheus:
    """Return a Prometheus that scrapes itself."""
    prometheus = await prometheus_factory(scrape_interval="300ms")
    prometheus.scrape_configs.append(
        {
            "job_name": "self",
            "static_configs": [{"targets": [prometheus.url.removeprefix("http://")]}],
        }
    )
    await prometheus.restart()
    return prometheus


async def collected_until(connection: bus.Bus, end_ms: int, seconds: float = 30) -> None:
    """Wait until some report says that everything up to `end_ms` is published."""
    async with mirror(connection, subjects.REPORTS, contracts.decode_report) as reports:
        await until(
            reports,
            lambda found: any(
                one.window_end_ms >= end_ms for report in found.values() for one in report.progress
            ),
            seconds=seconds,
        )


async def first_window(connection: bus.Bus) -> int:
    """Wait until something is published; return the start of the first window."""
    async with asyncio.timeout(20):
        while not (found := await messages(connection)):  # noqa: ASYNC110  # nothing announces it
            await asyncio.sleep(0.05)
    return int(found[0].headers[subjects.HEADER_WINDOW].split("-")[0])


async def stored(prometheus: Prometheus, window: Window) -> bytes:
    """Return what the source holds for the job, as one request."""
    async with aiohttp.ClientSession(auto_decompress=False) as http:
        puller = Puller(http, timeout=10, max_bytes=1 << 28, per_source=1)
        queries = selection.queries(selection.rule_set(EVERY_SECOND.rules), window)
        answer = await puller.read(backend(prometheus.url), queries)
    assert isinstance(answer, Answer)
    return b"".join(answer.data[span.entry : span.end] for span in remote_read.series(answer.data))


@pytest.mark.timeout(120)
async def test_collector_killed_while_another_waits_loses_and_repeats_nothing(
    connection: bus.Bus, settings: Config, prometheus_factory: Factory[Prometheus], tmp_path: Path
) -> None:
    prometheus = await scraping(prometheus_factory)
    await put_backend(connection, backend(prometheus.url))
    await put_job(connection, EVERY_SECOND)
    collectors = {name: process(settings, tmp_path, name) for name in ("one", "two")}
    for collector in collectors.values():
        await collector.start()
    begin = await first_window(connection)
    await collected_until(connection, begin + 3_000)
    async with mirror(connection, subjects.LEASES, contracts.decode_lease) as leases:
        owner = leases.snapshot[subjects.collector_lease(SHARD)].instance
        await collectors.pop(owner).kill()
        # The other one takes over when the lease has run out.
        await until(
            leases,
            lambda found: (
                subjects.collector_lease(SHARD) in found
                and found[subjects.collector_lease(SHARD)].instance != owner
            ),
            seconds=40,
        )
    await collected_until(connection, begin + 25_000, seconds=40)
    [other] = collectors.values()
    assert await other.terminate() == 0

    found = await messages(connection)
    end = int(found[-1].headers[subjects.HEADER_WINDOW].split("-")[1])
    assert end >= begin + 25_000
    assert points(requests(found)) == points(await stored(prometheus, Window(begin, end)))


async def test_collecting_stops_when_the_job_goes_and_goes_on_when_it_comes_back(
    connection: bus.Bus, settings: Config, prometheus_factory: Factory[Prometheus], tmp_path: Path
) -> None:
    prometheus = await scraping(prometheus_factory)
    await put_backend(connection, backend(prometheus.url))
    await put_job(connection, EVERY_SECOND)
    collector = process(settings, tmp_path, "one")
    await collector.start()
    begin = await first_window(connection)
    async with (
        mirror(connection, subjects.REPORTS, contracts.decode_report) as reports,
        mirror(connection, subjects.LEASES, contracts.decode_lease) as leases,
    ):
        await until(reports, lambda found: len(found) == 1)
        [report] = reports.snapshot.values()
        await kv.delete(connection, subjects.JOBS, subjects.job_key(SHARD.job))
        await until(reports, lambda found: not found)
        await until(leases, lambda found: subjects.collector_lease(SHARD) not in found)
        before = await messages(connection)
        await put_job(connection, EVERY_SECOND)
        last = int(before[-1].headers[subjects.HEADER_WINDOW].split("-")[1])
        await collected_until(connection, last + 3_000)
        assert await collector.terminate() == 0
        await until(reports, lambda found: not found)
        await until(leases, lambda found: not found)

    found = await messages(connection)
    end = int(found[-1].headers[subjects.HEADER_WINDOW].split("-")[1])
    assert (report.tenant, report.job, report.component, report.instance) == (
        *SHARD.job,
        "collector",
        "one",
    )
    assert [one.shard for one in report.progress] == ["cluster-eu1"]
    assert points(requests(found)) == points(await stored(prometheus, Window(begin, end)))
