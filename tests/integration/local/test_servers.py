"""The servers, started for real."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import nats
import redis.asyncio
from nats.js import JetStreamContext

from tenantry_local.nats_server import NatsCluster, NatsServer
from tenantry_local.prometheus import Prometheus
from tenantry_local.pushgateway import Pushgateway
from tenantry_local.redis_server import RedisServer
from tenantry_local.testing import Factory


async def get_json(url: str) -> dict[str, Any]:
    """Return what the server answers at `url`."""
    async with aiohttp.ClientSession(raise_for_status=True) as session, session.get(url) as answer:
        body: dict[str, Any] = await answer.json()
        return body


@asynccontextmanager
async def nats_connection(url: str) -> AsyncIterator[JetStreamContext]:
    """Connect to JetStream."""
    client = await nats.connect(url)
    try:
        yield client.jetstream()
    finally:
        await client.close()


async def test_shared_nats_server_has_jetstream(nats_server: NatsServer, nats_url: str) -> None:
    variables = await get_json(f"{nats_server.monitor_url}/varz")

    assert variables["jetstream"]["config"]["store_dir"].startswith(str(nats_server.directory))
    assert nats_url == nats_server.url


async def test_streams_survive_a_kill(fresh_nats_server: NatsServer) -> None:
    async with nats_connection(fresh_nats_server.url) as jetstream:
        await jetstream.add_stream(name="kept", subjects=["kept.>"])
        await jetstream.publish("kept.a", b"1")

    await fresh_nats_server.kill()
    await fresh_nats_server.start()

    async with nats_connection(fresh_nats_server.url) as jetstream:
        assert (await jetstream.stream_info("kept")).state.messages == 1


async def test_prometheus_starts_again_after_kill_and_after_restart(
    prometheus_factory: Factory[Prometheus],
) -> None:
    prometheus = await prometheus_factory(external_labels={"cluster": "a"})

    await prometheus.kill()
    await prometheus.start()
    await prometheus.restart()

    assert prometheus.running


async def test_cluster_elects_a_leader_before_it_counts_as_started(
    nats_cluster: NatsCluster,
) -> None:
    state = await get_json(f"{nats_cluster.servers[0].monitor_url}/jsz")

    assert state["meta_cluster"]["leader"] in {server.name for server in nats_cluster.servers}
    assert state["meta_cluster"]["cluster_size"] == 3


async def test_cluster_keeps_working_without_one_member(nats_cluster: NatsCluster) -> None:
    async with nats_connection(nats_cluster.urls[0]) as jetstream:
        stream = await jetstream.add_stream(name="kept", subjects=["kept.>"], num_replicas=3)
        assert stream.cluster is not None
        follower = next(s for s in nats_cluster.servers[1:] if s.name != stream.cluster.leader)

        await follower.kill()

        assert (await jetstream.publish("kept.a", b"1", timeout=10)).seq == 1


async def test_prometheus_scrapes_what_it_is_told(
    prometheus_factory: Factory[Prometheus],
) -> None:
    prometheus = await prometheus_factory(
        scrape_configs=[{"job_name": "a", "static_configs": [{"targets": ["127.0.0.1:1"]}]}],
        external_labels={"cluster": "b"},
        out_of_order_window="10m",
    )

    loaded = (await get_json(f"{prometheus.url}/api/v1/status/config"))["data"]["yaml"]

    assert "job_name: a" in loaded
    assert "cluster: b" in loaded
    assert "out_of_order_time_window: 10m" in loaded


async def test_pushgateway_holds_what_was_pushed(
    pushgateway_factory: Factory[Pushgateway],
) -> None:
    pushgateway = await pushgateway_factory()

    async with aiohttp.ClientSession(raise_for_status=True) as session:
        await session.put(f"{pushgateway.url}/metrics/job/batch", data="done_total 7\n")
        async with session.get(f"{pushgateway.url}/metrics") as answer:
            assert 'done_total{instance="",job="batch"} 7' in await answer.text()


async def test_redis_forgets_when_it_ends(redis_factory: Factory[RedisServer]) -> None:
    server = await redis_factory()

    async with redis.asyncio.Redis.from_url(server.url) as client:
        await client.set("key", "value")
        assert await client.get("key") == b"value"
    await server.restart()
    async with redis.asyncio.Redis.from_url(server.url) as client:
        assert await client.get("key") is None
