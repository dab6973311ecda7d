"""An edge in a cluster of its own pushes to another one: every sample arrives once, whatever is away."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
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


@dataclass
class Scene:
    """An edge whose samples go through a receiver and a writer to a Prometheus."""

    http: aiohttp.ClientSession
    source: Prometheus
    central: Prometheus
    receiver: Process
    edge: Process

    async def arrives(self, at_ms: int) -> None:
        """Wait until the central Prometheus holds a sample from then on."""
        assert await delivery.wait_until_stored(self.http, [self.central.url], at_ms, 90)

    async def assert_all_arrived_once(self) -> None:
        """Compare what the source holds until now with what has arrived by then."""
        until = now_ms()
        await self.arrives(until + 10_000)  # windows arrive in order
        arrived = await readback.samples(self.http, self.central.url, 0, until)
        first = min(sample.timestamp_ms for sample in arrived)
        held = await readback.samples(self.http, self.source.url, first - 1, until)
        found = [Point(one.labels, one.timestamp_ms, one.bits) for one in arrived]
        assert len(found) == len(set(found))
        assert set(found) == expected(held, {"_id": CLUSTER_A, "env": "t"})


type Start = Callable[[str], Awaitable[Scene]]


@pytest_asyncio.fixture
async def start(
    prometheus_factory: Factory[Prometheus],
    fresh_nats_server: NatsServer,
    tmp_path: Path,
    killed_at_end: Note,
) -> AsyncIterator[Start]:
    """Start a scene with an upstream of a kind."""
    async with ready_bus(fresh_nats_server.url) as connection, aiohttp.ClientSession() as http:

        async def scene(kind: str) -> Scene:
            prometheus = await source(prometheus_factory, tmp_path, killed_at_end)
            central = await prometheus_factory()
            site = Site(tmp_path, fresh_nats_server, connection)
            await site.publish(central.remote_write_url, labels={"env": "t"}, interval_ms=0)
            receiver, writer = site.receiver(), site.writer()
            running = edge(tmp_path, prometheus, upstreams(site)[kind], site.credential)
            for process in (receiver, writer, running):
                killed_at_end(process)
                await process.start()
            await logged(running, "pushing to", 60)
            return Scene(http, prometheus, central, receiver, running)

        yield scene


def upstreams(site: Site) -> dict[str, dict[str, Any]]:
    """Return both ways of pushing to a receiver, as an edge's file says them."""
    return {
        "telemeter": {"type": "telemeter", "url": site.url, "upload_interval": "1s"},
        "remote_write": {
            "type": "remote_write",
            "url": f"{site.url}/api/v1/write",
            "authorize_url": f"{site.url}/authorize",
        },
    }


@pytest.mark.parametrize("kind", ["remote_write", "telemeter"])
async def test_everything_arrives_once_behind_a_receiver_that_was_away(
    kind: str, start: Start
) -> None:
    scene = await start(kind)
    await scene.arrives(now_ms())
    await scene.receiver.kill()
    gone = now_ms()
    await asyncio.sleep(12)  # the time that is passed is what is tested
    await scene.receiver.start()
    await scene.arrives(gone + 12_000)

    await scene.assert_all_arrived_once()


def children(parent: int) -> dict[str, int]:
    """Return the processes that an edge has started, by the names of their modules."""
    found: dict[str, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:  # it has ended meanwhile
            continue
        if int(status[1]) == parent:
            module = words[words.index(b"-m") + 1] if b"-m" in words else b"nats"
            found[module.decode()] = int(folder.name)
    return found


@pytest.mark.parametrize("kind", ["remote_write", "telemeter"])
async def test_an_edge_goes_on_whatever_process_of_it_is_killed(kind: str, start: Start) -> None:
    scene = await start(kind)
    for victim in ("writer", "collector", "nats", "tenant_controller", "discovery"):
        await scene.arrives(now_ms())
        os.kill(children(scene.edge.pid or 0)[victim], signal.SIGKILL)
        await logged(scene.edge, f"{victim} ended with status -9 and is started again", 30)

    await scene.assert_all_arrived_once()


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
