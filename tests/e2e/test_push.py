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

from tenantry_cli.demo import load, readback
from tenantry_common.label_steps import digested
from tenantry_local import readiness
from tenantry_local.ports import free_port
from tenantry_local.process import Process
from tenantry_local.prometheus import Prometheus
from tenantry_local.testing import Factory, logged

CLUSTER = "5e1f"
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


def edge(tmp_path: Path, prometheus: Prometheus, upstream: dict[str, Any], **more: Any) -> Process:
    """Return `tenantry edge`, not started, that pushes what the Prometheus scrapes."""
    (tmp_path / "credential").write_text("s3cret\n")
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
        "upstream": {"credential_file": str(tmp_path / "credential"), "id": CLUSTER, **upstream},
        "data_dir": str(tmp_path / "data"),
        "start_jitter": "0s",
        "services": QUICK,
        **more,
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
        Settings(credentials={CLUSTER: "s3cret"}, upload_interval_seconds=1, labels={"env": "t"})
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
    assert set(arrived) == expected(held, {"_id": CLUSTER, "env": "t"})
