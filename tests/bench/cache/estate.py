"""A real Prometheus with a day of samples, and gateways in front of it."""

import asyncio
import contextlib
import random
import struct
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from tests.bench.cache import clocked_gateway, dashboard
from tests.bench.cache.dashboard import Kind
from tests.integration.query_gateway.estate import Estate

from tenantry_common import protowire, remote_write, snappy_block, testing
from tenantry_local.nats_server import NatsServer
from tenantry_local.process import Process
from tenantry_local.prometheus import REMOTE_WRITE_HEADERS, Prometheus
from tenantry_local.redis_server import RedisServer

_SCRAPE = 30
_SECONDS = 27 * 3600
"""Of samples: a day, what range selectors and offsets reach back, and the refreshes."""
_AT_ONCE = 3600


@dataclass(frozen=True, kw_only=True)
class Running:
    """What the benchmark asks."""

    directory: Path
    prometheus: Prometheus
    backend_pid: int
    estate: Estate
    end: int
    """Seconds since the epoch of the newest samples; dashboards are looked at shortly before."""

    def set_clock(self, now: float) -> None:
        """Let it be `now`, in seconds since the epoch, for the range caches of gateways."""
        clocked_gateway.write(self.directory / clocked_gateway.CLOCK, now)

    @contextlib.asynccontextmanager
    async def gateway(self, cache: Mapping[str, Any]) -> AsyncIterator[int]:
        """Run a gateway while the context lasts; yield its process id."""
        process = self.estate.gateway(
            module="tests.bench.cache.clocked_gateway",
            cache=dict(cache),
            # More than is asked here: the limits are looked at, and not reached.
            limits={"requests_per_second": 1e6, "burst": 1e6, "concurrent_per_tenant": 200},
        )
        await process.start()
        try:
            assert process.pid is not None
            yield process.pid
        finally:
            await process.terminate()


def _samples(number: int, kind: Kind, begin: int, end: int) -> Iterator[bytes]:
    """Yield the samples of a series for each hour."""
    draw = random.Random(number)
    value = draw.uniform(0, 1e6)
    encoded, at_hour = b"", begin
    for at in range(begin, end, _SCRAPE):
        if at - at_hour >= _AT_ONCE:
            yield encoded
            encoded, at_hour = b"", at
        match kind:
            case "counter":
                value += draw.uniform(0, 100)
            case "gauge":
                value = draw.uniform(1e8, 2e8)
            case "up":
                value = float(draw.random() < 0.99)
        sample = protowire.tag(1, 1) + struct.pack("<d", value)
        sample += protowire.tag(2, protowire.VARINT) + protowire.varint(at * 1000)
        encoded += protowire.delimited(remote_write.SAMPLE, sample)
    yield encoded


async def _load(server: Prometheus, end: int) -> None:
    """Store everything hour by hour; tenants differ in labels only."""
    described = list(dashboard.series())
    begin = end - _SECONDS
    hours = zip(
        *(_samples(number, one[1], begin, end) for number, one in enumerate(described)), strict=True
    )
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        for hour in hours:
            request = b"".join(
                remote_write.time_series(
                    remote_write.encode_labels({**labels, "namespace": tenant}), samples
                )
                for tenant in dashboard.TENANTS
                for (labels, _), samples in zip(described, hour, strict=True)
            )
            await session.post(
                server.remote_write_url,
                data=snappy_block.compress(request),
                headers=REMOTE_WRITE_HEADERS,
            )


@contextlib.asynccontextmanager
async def running(directory: Path) -> AsyncIterator[Running]:
    """Run everything but gateways while the context lasts."""
    async with contextlib.AsyncExitStack() as stack:
        nats = NatsServer(directory)
        await nats.start()
        stack.push_async_callback(nats.kill)
        # One head for everything: what compaction costs is not what is measured.
        flags = ("--storage.tsdb.min-block-duration=2d", "--storage.tsdb.max-block-duration=2d")
        prometheus = Prometheus(directory, flags=flags)
        await prometheus.start()
        stack.push_async_callback(prometheus.kill)
        end = int(time.time()) // 60 * 60
        await _load(prometheus, end)
        connection = await stack.enter_async_context(testing.ready_bus(nats.url))
        estate = Estate(directory, nats, connection)
        for tenant in dashboard.TENANTS:
            await estate.grant(tenant, f'{{namespace="{tenant}"}}')
        await estate.publish(prometheus)
        child = prometheus.child
        assert isinstance(child, Process)
        assert child.pid is not None
        yield Running(
            directory=directory,
            prometheus=prometheus,
            backend_pid=child.pid,
            estate=estate,
            end=end,
        )


@contextlib.asynccontextmanager
async def redis(running: Running) -> AsyncIterator[Mapping[str, Any]]:
    """Run a Redis while the context lasts; yield `cache.redis` of the gateways that share it."""
    server = RedisServer(running.directory)
    key = running.directory / "key"
    key.write_text("k" * 32)
    await server.start()
    try:
        yield {"url": server.url, "key_file": str(key)}
    finally:
        await server.kill()


async def written(running: Running) -> None:
    """Print what became of the records of the gateway that runs, once nothing waits any more."""
    await asyncio.sleep(1)
    page = await running.estate.page("/metrics")
    for line in page.body.splitlines():
        if line.startswith("tenantry_query_gateway_shared_cache_records_total"):
            print(f"  {line}")
