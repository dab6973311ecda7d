"""The port of `/federate` in a running instance."""

import asyncio
from pathlib import Path

import aiohttp
from prometheus_client import CollectorRegistry, generate_latest
from tests.integration.receiver.conftest import Site

from receiver import testing as receiver_testing
from receiver.federate.service import Federation
from receiver.federate.settings import Federate
from receiver.federate.testing import block, metric
from tenantry_common import api_key, ops, subjects, tasks, testing
from tenantry_common.subjects import JobRef
from tenantry_local.nats_server import NatsServer
from tenantry_local.ports import LOOPBACK, free_port, free_ports

KEY = api_key.new("central")


def write(path: Path, key: str) -> None:
    hashed = api_key.make(key.split("_", 2)[2], ln=10)
    path.write_text(f'scrapers: [{{id: central, hash: "{hashed}", tenants: ["*"]}}]')


async def status(url: str, key: str) -> int:
    async with (
        aiohttp.ClientSession() as session,
        session.get(url, headers={"Authorization": f"Bearer {key}"}) as response,
    ):
        await response.read()
        return response.status


async def test_it_serves_who_holds_a_key_for_as_long_as_the_file_says_so(
    fresh_nats_server: NatsServer, tmp_path: Path
) -> None:
    scrapers = tmp_path / "scrapers.yaml"
    write(scrapers, KEY)
    port = free_port()
    url = f"http://{LOOPBACK}:{port}/federate"
    readiness, registry, told = ops.Readiness(), CollectorRegistry(), list[str]()
    async with testing.ready_bus(fresh_nats_server.url) as connection:
        data = block((metric("up", _id="a"), 1, 1))
        await connection.js.publish(subjects.latest(JobRef("t", "j"), "a"), data)
        federation = Federation(
            Federate(port=port, scrapers_file=str(scrapers)),
            connection,
            registry,
            told=told.append,
            readiness=readiness,
        )
        assert readiness.waiting
        async with asyncio.TaskGroup() as group:
            running = tasks.spawn(group, "federation", federation.run())
            async with asyncio.timeout(20):
                while readiness.waiting or not told:  # noqa: ASYNC110 - nothing announces it
                    await asyncio.sleep(0.02)

                assert await status(url, KEY) == 200
                assert await status(url, api_key.new("central")) == 401
                assert b"tenantry_receiver_federate_sources 1.0" in generate_latest(registry)

                write(scrapers, api_key.new("central"))
                while await status(url, KEY) != 401:  # noqa: ASYNC110 - as long as it takes
                    await asyncio.sleep(0.05)
            running.cancel()


async def test_any_instance_shows_what_another_one_took(
    site: Site, tmp_path: Path, now_ms: int
) -> None:
    scrapers = tmp_path / "scrapers.yaml"
    write(scrapers, KEY)
    ports = free_ports(2)
    for port in ports:
        await site.start(federate={"port": port, "scrapers_file": str(scrapers)})
    await site.publish(receiver_testing.job())
    for url, cluster in zip(site.urls, ("cluster-a", "cluster-b"), strict=True):
        family = receiver_testing.family("up", [({"_id": cluster}, 1.0, now_ms)], "GAUGE")
        assert (await site.upload(family, cluster, url=url)).status == 200

    async def page(port: int) -> str:
        headers = {"Authorization": f"Bearer {KEY}"}
        url = f"http://{LOOPBACK}:{port}/federate"
        async with site.session.get(url, headers=headers) as answer:
            return await answer.text()

    expected = (
        f'# TYPE up gauge\nup{{_id="cluster-a"}} 1.0 {now_ms}\nup{{_id="cluster-b"}} 1.0 {now_ms}\n'
    )
    for port in ports:

        async def is_there(port: int = port) -> bool:
            lines = (await page(port)).splitlines(keepends=True)
            return "".join(sorted(lines)) == expected

        await site.until(is_there)
