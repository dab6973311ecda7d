"""An edge in a cluster of its own pushes to another one: every sample arrives once, whatever is away."""

import asyncio
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from tests.push.reference_server import Point, ReferenceServer, Settings, serving
from tests.push.site import CLUSTER as CLUSTER_A
from tests.push.site import Site

from tenantry_cli.demo import delivery, load, readback
from tenantry_common.label_steps import digested
from tenantry_common.testing import ready_bus
from tenantry_local import readiness
from tenantry_local.nats_server import NatsServer
from tenantry_local.ports import free_port
from tenantry_local.process import Process
from tenantry_local.prometheus import Prometheus
from tenantry_local.testing import Factory, logged

SALT = "a-unique-value"
QUICK = {
    "collector": {"settle_seconds": 1, "spread_seconds": 0},
    "writer": {"retry_limit_seconds": 0.5, "fault_retry_seconds": 0.5, "ack_wait_seconds": 5,
               "request_timeout_seconds": 4},
    "discovery": {"probe_interval_seconds": 1},
}  # fmt: skip

pytestmark = pytest.mark.timeout(240)

type Note = Callable[[Process], None]


async def source(factory: Factory[Prometheus], tmp_path: Path, note: Note) -> Prometheus:
    """Start a Prometheus that scrapes what the demo's estate would."""
    port = free_port()
    exporter = Process(
        "load",
        [sys.executable, "-m", load.__name__, "--port", str(port)],
        log=tmp_path / "load.log",
        ready=readiness.http_ok(f"http://127.0.0.1:{port}/metrics/web"),
    )
    note(exporter)
    await exporter.start()
    jobs = [
        {
            "job_name": "web",
            "metrics_path": "/metrics/web",
            "static_configs": [{"targets": [f"127.0.0.1:{port}"]}],
        }
    ]
    return await factory(scrape_configs=jobs, scrape_interval="1s")


def edge(
    tmp_path: Path, prometheus: Prometheus, upstream: dict[str, Any], credential: str = "s3cret"
) -> Process:
    """Return `tenantry edge`, not started, that pushes what the Prometheus scrapes."""
    (tmp_path / "credential").write_text(f"{credential}\n")
    (tmp_path / "salt").write_text(f"{SALT}\n")
    document = {
        "sources": {"static": [prometheus.url]},
        "match": ['{job="web"}'],
        "interval": "5s",
        "collection": "raw",
        "labels": {"site": "north"},
        "elide": ["job"],
        "rename": {"queue_depth": "depth"},
        "anonymise": {"labels": ["instance", "pod"], "salt_file": str(tmp_path / "salt")},
        "upstream": {"credential_file": str(tmp_path / "credential"), "id": CLUSTER_A, **upstream},
        "data_dir": str(tmp_path / "data"),
        "start_jitter": "0s",
        "services": QUICK,
    }
    path = tmp_path / "edge.yaml"
    path.write_text(yaml.safe_dump(document))
    return Process(
        "edge",
        [sys.executable, "-m", "tenantry_cli", "edge", "--config", path],
        log=tmp_path / "edge.log",
    )


def expected(held: list[readback.Sample], extra: dict[str, str]) -> set[Point]:
    """Return what must arrive of these samples; said by hand, as a person reads the file above."""
    points = set()
    for sample in held:
        labels = dict(sample.labels)
        if labels.pop("job") != "web":
            continue
        if labels["__name__"] == "queue_depth":
            labels["__name__"] = "depth"
        for name in ("instance", "pod"):
            if name in labels:
                labels[name] = digested(labels[name], SALT.encode())
        labels |= {"site": "north", **extra}
        points.add(Point(frozenset(labels.items()), sample.timestamp_ms, sample.bits))
    return points


async def newer(server: ReferenceServer, at_ms: int) -> None:
    """Wait until a sample from after then has arrived."""
    async with asyncio.timeout(90):
        while max((p.timestamp_ms for p in server.points), default=0) <= at_ms:  # noqa: ASYNC110
            await asyncio.sleep(0.2)


def now_ms() -> int:
    return int(time.time() * 1000)


async def test_everything_arrives_once_at_a_telemeter_server_that_was_away(
    prometheus_factory: Factory[Prometheus], tmp_path: Path, killed_at_end: Note
) -> None:
    prometheus = await source(prometheus_factory, tmp_path, killed_at_end)
    port = free_port()
    server = ReferenceServer(
        Settings(credentials={CLUSTER_A: "s3cret"}, upload_interval_seconds=1, labels={"env": "t"})
    )
    running = edge(
        tmp_path,
        prometheus,
        {"type": "telemeter", "url": f"http://127.0.0.1:{port}", "upload_interval": "1100ms"},
    )
    killed_at_end(running)
    async with serving(server, port):
        await running.start()
        await logged(running, "pushing to", 60)
        await newer(server, now_ms())
    gone = now_ms()
    await asyncio.sleep(12)  # the time that is passed is what is tested
    async with serving(server, port):
        await newer(server, gone + 12_000)
        async with aiohttp.ClientSession() as http:
            first = min(point.timestamp_ms for point in server.points)
            until = now_ms()
            held = await readback.samples(http, prometheus.url, first - 1, until)
        await newer(server, until + 5_000)
    await running.terminate()

    arrived = [point for point in server.points if point.timestamp_ms <= until]
    assert len(arrived) == len(set(arrived))
    assert set(arrived) == expected(held, {"_id": CLUSTER_A, "env": "t"})


@pytest.mark.parametrize("kind", ["remote_write", "telemeter"])
async def test_everything_arrives_once_behind_a_receiver_that_was_away(
    kind: str,
    prometheus_factory: Factory[Prometheus],
    fresh_nats_server: NatsServer,
    tmp_path: Path,
    killed_at_end: Note,
) -> None:
    prometheus = await source(prometheus_factory, tmp_path, killed_at_end)
    central = await prometheus_factory()
    async with ready_bus(fresh_nats_server.url) as connection, aiohttp.ClientSession() as http:
        site = Site(tmp_path, fresh_nats_server, connection)
        await site.publish(central.remote_write_url, labels={"env": "t"}, interval_ms=0)
        receiver, writer = site.receiver(), site.writer()
        upstream: dict[str, Any] = {"type": kind, "id": CLUSTER_A, "url": site.url}
        if kind == "telemeter":
            upstream["upload_interval"] = "1s"
        else:
            upstream |= {
                "url": f"{site.url}/api/v1/write",
                "authorize_url": f"{site.url}/authorize",
            }
        running = edge(tmp_path, prometheus, upstream, site.credential)
        for process in (receiver, writer, running):
            killed_at_end(process)
            await process.start()
        await logged(running, "pushing to", 60)

        await delivery.wait_until_stored(http, [central.url], now_ms(), 60)
        await receiver.kill()
        gone = now_ms()
        await asyncio.sleep(12)  # the time that is passed is what is tested
        await receiver.start()
        await delivery.wait_until_stored(http, [central.url], gone + 12_000, 60)
        until = now_ms()
        assert await delivery.wait_until_stored(http, [central.url], until + 10_000, 60)

        arrived = await readback.samples(http, central.url, 0, until)
        first = min(sample.timestamp_ms for sample in arrived)
        held = await readback.samples(http, prometheus.url, first - 1, until)
    found = [Point(one.labels, one.timestamp_ms, one.bits) for one in arrived]
    assert len(found) == len(set(found))
    assert set(found) == expected(held, {"_id": CLUSTER_A, "env": "t"})


async def test_every_line_of_the_demos_proof_holds(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tenantry_cli", "demo-push"),
        *("--once", "--free-ports", "--run-dir", str(tmp_path / "run")),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()

    assert (process.returncode, "✗" in output.decode()) == (0, False), output.decode()
    assert "lines hold" in output.decode()
