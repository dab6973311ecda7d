"""A replica that comes back with an empty database, seen by a real discovery: it never wins."""

import asyncio
import shutil
import time
from pathlib import Path

import pytest
from tests.integration.discovery.running import Discovery
from tests.integration.query_gateway.estate import Answer, Estate, running, succeeded
from tests.integration.query_gateway.shards.servers import store

from tenantry_local.prometheus import Prometheus
from tenantry_local.testing import Factory

SERIES = [{"__name__": "up", "namespace": "shop", "job": job} for job in "ab"]
TENANTS = [f"t{number}" for number in range(8)]


@pytest.mark.timeout(180)
async def test_a_replica_with_an_empty_database_does_not_win(
    estate: Estate, prometheus_factory: Factory[Prometheus], tmp_path: Path
) -> None:
    end = int(time.time()) // 15 * 15 - 30
    replicas = [
        await prometheus_factory(external_labels={"cluster": "eu", "replica": str(number)})
        for number in range(2)
    ]
    for server in replicas:
        await store(server, SERIES, end)
    for tenant in TENANTS:  # some prefer the one, some the other
        await estate.grant(tenant, '{namespace="shop"}')
    # Between two looks of discovery the gateway has to find out by itself.
    discovery = Discovery(tmp_path, estate.nats.url, probe_interval_seconds=4)
    discovery.list(*replicas)
    await discovery.process.start()
    try:
        async with running(estate.gateway()):
            await estate.until(succeeded, "query", TENANTS[0], query="up", time=str(end))
            before = await _started(discovery, replicas[1])
            expected = await _all(estate, end)
            assert all(len(one.body["data"]["result"]) == 2 for one in expected)

            await replicas[1].kill()
            shutil.rmtree(replicas[1].directory / "data")
            await replicas[1].start()
            rounds = 0
            async with asyncio.timeout(90):
                while await _started(discovery, replicas[1]) == before or rounds < 5:
                    assert await _all(estate, end) == expected
                    rounds += 1
            assert await _all(estate, end) == expected
    finally:
        await discovery.process.kill()


async def _all(estate: Estate, end: int) -> list[Answer]:
    """Ask as every tenant, for a moment and for a range."""
    ranged = {"start": str(end - 300), "end": str(end), "step": "15"}
    asked = [
        (path, tenant, times)
        for tenant in TENANTS
        for path, times in (("query", {"time": str(end)}), ("query_range", ranged))
    ]
    found = [await estate.ask(path, tenant, query="up", **times) for path, tenant, times in asked]
    for one in found:
        one.body["data"]["result"].sort(key=lambda element: element["metric"]["job"])
    return found


async def _started(discovery: Discovery, server: Prometheus) -> str:
    page = await discovery.page()
    (found,) = (one for one in page["targets"] if one["url"] == server.url)
    return str(found["backend"]["started"])
