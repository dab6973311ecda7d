"""People can look into the pipeline: NATS monitoring, ops pages, `tenantry status`."""

import asyncio
import sys
from asyncio.subprocess import PIPE, STDOUT

import aiohttp
import pytest
from tests.e2e.conftest import Running

from tenantry_cli.demo import proof


@pytest.mark.timeout(120)
async def test_streams_buckets_and_consumers_carry_the_names_of_the_contract(up: Running) -> None:
    await proof.first_window(up.estate)
    url = f"http://127.0.0.1:{up.estate.ports.nats_monitor}/jsz?consumers=true"
    async with aiohttp.ClientSession() as session:
        async with asyncio.timeout(20):
            while True:
                async with session.get(url) as response:
                    (account,) = (await response.json())["account_details"]
                streams = {stream["name"]: stream for stream in account["stream_detail"]}
                consumers = streams["SAMPLES"].get("consumer_detail") or []
                if len(consumers) == 2:
                    break
                await asyncio.sleep(0.2)

    assert set(streams) >= {
        *("SAMPLES", "REJECTS"),
        *("KV_backends", "KV_policies", "KV_jobs", "KV_leases", "KV_reports"),
    }
    assert {consumer["name"].split("_")[0] for consumer in consumers} == {"team-web"}


@pytest.mark.timeout(120)
async def test_every_service_tells_its_health_and_figures(up: Running) -> None:
    ports = [value for name, value in vars(up.estate.ports).items() if name.startswith("ops_")]
    async with aiohttp.ClientSession() as session:
        for port in ports:
            for page, expected in (
                ("healthz", "ok"),
                ("readyz", "ready"),
                ("metrics", "tenantry_"),
            ):
                async with session.get(f"http://127.0.0.1:{port}/{page}") as response:
                    assert expected in await response.text(), (port, page)


@pytest.mark.timeout(120)
async def test_status_shows_backends_tenants_and_endpoints(up: Running) -> None:
    await proof.first_window(up.estate)

    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tenantry_cli", "status", "--nats", up.estate.nats_url),
        stdout=PIPE,
        stderr=STDOUT,
        env={"COLUMNS": "200"},
    )
    output, _ = await process.communicate()

    text = output.decode()
    assert process.returncode == 0, text
    for expected in ("healthy", "team-web", "team-batch", "platform", up.estate.tenant_urls[0]):
        assert expected in text
