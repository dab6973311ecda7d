"""Gateways as processes, with one Redis."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path

from tests.integration.query_gateway.estate import Estate, running, succeeded

from tenantry_local.prometheus import Prometheus
from tenantry_local.redis_server import RedisServer
from tenantry_local.testing import Factory

STORED = 'shared_cache_records_total{operation="put",outcome="stored"} 1.0'


async def test_a_gateway_takes_over_what_another_was_answered(
    estate: Estate,
    prometheus_factory: Factory[Prometheus],
    redis_factory: Factory[RedisServer],
    tmp_path: Path,
) -> None:
    key = tmp_path / "key"
    key.write_bytes(b"k" * 32)
    prometheus, redis = await prometheus_factory(), await redis_factory()
    cache = {"redis": {"url": redis.url, "key_file": str(key)}}
    await estate.grant("shop", '{namespace="shop"}')
    await estate.publish(prometheus)
    end = int(time.time()) // 600 * 600 - 3600
    asked = {"query": "vector(1)", "start": str(end - 600), "end": str(end), "step": "60"}

    async with running(estate.gateway(cache=cache)):
        first = await estate.until(succeeded, "query_range", "shop", **asked)
        async with asyncio.timeout(15):
            while STORED not in (await estate.page("/metrics")).body:  # noqa: ASYNC110 - a process announces nothing
                await asyncio.sleep(0.02)
    await prometheus.kill()
    other = replace(estate, directory=tmp_path / "other")  # at other ports
    async with running(other.gateway(cache=cache)):
        assert await other.until(succeeded, "query_range", "shop", **asked) == first


async def test_a_key_that_cannot_be_read_is_wrong_configuration(
    estate: Estate, tmp_path: Path
) -> None:
    redis = {"url": "redis://127.0.0.1:1/0", "key_file": str(tmp_path / "none")}
    process = estate.gateway(cache={"redis": redis})
    process.spawn()

    assert await process.wait() == 2
    assert "$.cache.redis.key_file" in process.last_lines()
