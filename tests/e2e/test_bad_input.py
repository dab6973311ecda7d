"""Bad input: the others go on, and the one that is broken is named where people look."""

import asyncio
import socket
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

import aiohttp
import pytest
from tests.e2e.conftest import Running, answered

from tenantry_local import ports, readiness
from tenantry_local.nats_server import NatsServer
from tenantry_local.process import Process

BROKEN = """\
apiVersion: observability.ethos.io/v1alpha1
kind: MetricAccess
metadata: {name: broken, namespace: team-broken}
spec:
  source: x
  metrics: ["up{"]
"""


async def get_json(url: str) -> object:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return await response.json()


async def wait_for_text(url: str, text: str) -> str:
    """Return the page at `url` as soon as it holds `text`."""
    async with aiohttp.ClientSession() as session, asyncio.timeout(10):
        while True:
            async with session.get(url) as response:
                page = await response.text()
            if text in page:
                return page
            await asyncio.sleep(0.1)


@pytest.mark.timeout(120)
async def test_a_broken_manifest_is_named_and_harms_nobody(up: Running) -> None:
    (up.estate.manifests / "broken.yaml").write_text(BROKEN)
    (up.estate.manifests / "unreadable.yaml").write_text("a: [\n")
    debug = f"http://127.0.0.1:{up.estate.ports.ops_tenant_controller}/debug/tenants"

    page = await wait_for_text(debug, "unreadable.yaml")

    assert ("team-broken" in page, "$.spec.metrics[0]" in page) == (True, True)
    log = up.supervisor.log("tenant-controller").read_text()
    assert ("unreadable.yaml" in log, "$.spec.metrics[0]" in log) == (True, True)
    async with aiohttp.ClientSession() as session:
        assert await answered(session, up.estate) > 0


@pytest.mark.timeout(120)
async def test_a_broken_file_of_targets_is_named_and_harms_nobody(up: Running) -> None:
    (up.estate.run_dir / "targets" / "broken.json").write_text('[{"targets": 3}]')
    debug = f"http://127.0.0.1:{up.estate.ports.ops_discovery}/debug/targets"

    page = await wait_for_text(debug, "broken.json")

    assert str(up.estate.ports.infra_a) in page
    assert "broken.json" in up.supervisor.log("discovery").read_text()


@pytest.mark.timeout(60)
async def test_a_service_waits_for_nats_and_says_so(tmp_path: Path) -> None:
    nats = NatsServer(tmp_path / "nats")
    ops = ports.free_port()
    config = tmp_path / "writer.yaml"
    config.write_text(f"nats: {{servers: ['{nats.url}']}}\nops: {{port: {ops}}}\n")
    writer = Process(
        "writer",
        [sys.executable, "-m", "writer", "--config", str(config)],
        log=tmp_path / "writer.log",
        ready=readiness.http_ok(f"http://127.0.0.1:{ops}/healthz"),
    )
    await writer.start()
    try:
        waiting = await wait_for_text(f"http://127.0.0.1:{ops}/readyz", "NATS")
        await nats.start()
        ready = await wait_for_text(f"http://127.0.0.1:{ops}/readyz", "ready\n")
    finally:
        await writer.terminate()
        if nats.running:
            await nats.kill()

    assert ("waiting for NATS" in waiting, ready) == (True, "ready\n")
    assert "nats is not reachable, waiting for it" in writer.log.read_text()


@pytest.mark.parametrize(
    ("module", "setting", "text"),
    [
        pytest.param("writer", "$.ops.port", "ops: {{port: {port}}}", id="the ops port"),
        pytest.param(
            "query_gateway",
            "$.listen.port",
            "listen: {{port: {port}}}\nnats: {{servers: ['{nats}']}}",
            id="the tenants' port",
        ),
    ],
)
async def test_a_taken_port_is_named_with_its_setting(
    tmp_path: Path, nats_url: str, module: str, setting: str, text: str
) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        config = tmp_path / "config.yaml"
        config.write_text(text.format(port=port, nats=nats_url))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", module, "--config", str(config)), stdout=PIPE, stderr=STDOUT
        )
        output, _ = await asyncio.wait_for(process.communicate(), 20)

    assert process.returncode == 2, output.decode()
    assert f"{setting}: 127.0.0.1:{port} is taken by another process" in output.decode()
