"""The processes of the benchmark: a source with targets, two endpoints, and the two pipelines."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from tests.bench.delivery import targets

from tenantry_common import contracts, kv, subjects
from tenantry_common.contracts import Backend, DeliveryJob, Endpoint, Matcher
from tenantry_common.testing import ready_bus
from tenantry_local import binaries, commands, ports, readiness
from tenantry_local.nats_server import NatsServer
from tenantry_local.ports import LOOPBACK
from tenantry_local.process import Process
from tenantry_local.prometheus import Prometheus
from tenantry_local.server import Server
from tenantry_local.service import service
from tenantry_local.vmagent import Vmagent

SCRAPE_SECONDS = 10
_EXTERNAL_LABELS = {"cluster": "eu1"}
_TENANT = "shop"
_TARGET_LABELS = {"job": "checkout"}


@dataclass(frozen=True)
class Size:
    """How much is delivered."""

    series: int
    jobs: int
    interval_seconds: int


class Plant:
    """What both pipelines read from and write to."""

    def __init__(self, directory: Path, size: Size) -> None:
        self._directory = directory
        self._size = size
        port = ports.free_port()
        self.targets = Process(
            "targets",
            [
                *(sys.executable, targets.__file__, "--port", str(port)),
                *("--series", str(size.series), "--jobs", str(size.jobs)),
            ],
            log=directory / "targets.log",
            ready=readiness.http_ok(f"http://{LOOPBACK}:{port}/metrics/0"),
        )
        self.source = Prometheus(
            directory / "source",
            name="source",
            scrape_configs=[_scraped(port, size.series)],
            scrape_interval=f"{SCRAPE_SECONDS}s",
            external_labels=_EXTERNAL_LABELS,
        )
        self.endpoints = tuple(
            Prometheus(directory / f"endpoint-{n}", name=f"endpoint-{n}") for n in range(2)
        )

    def tenantry(self) -> "Tenantry":
        """Return our pipeline, not started."""
        return Tenantry(self._directory / "tenantry", self._size, self.source, self.endpoints)

    def vmagent(self) -> "Agent":
        """Return vmagent's pipeline, not started."""
        return Agent(self._directory / "vmagent", self.source, self.endpoints)


def _scraped(port: int, series: int) -> Mapping[str, Any]:
    count = -(-series // targets.PER_TARGET)
    return {
        "job_name": _TARGET_LABELS["job"],
        "static_configs": [
            {
                "targets": [f"{LOOPBACK}:{port}"],
                "labels": {
                    "__metrics_path__": f"/metrics/{n}",
                    "instance": f"10.0.{n // 250}.{n % 250}:8080",
                },
            }
            for n in range(count)
        ],
    }


class Tenantry:
    """nats-server, one collector and one writer, with what discovery and the controller would put."""

    name = "tenantry"

    def __init__(
        self, directory: Path, size: Size, source: Prometheus, endpoints: tuple[Prometheus, ...]
    ) -> None:
        self._size = size
        self._source = source
        self._endpoints = endpoints
        self.nats = NatsServer(directory / "nats")
        self.services = tuple(
            service(
                module,
                {},
                name=module,
                nats_url=self.nats.url,
                ops_port=ports.free_port(),
                config=directory / f"{module}.yaml",
                log=directory / f"{module}.log",
            )
            for module in ("collector", "writer")
        )

    @property
    def own(self) -> Mapping[str, Process | Server]:
        """Processes by the name of the row they are counted in."""
        return {one.name: one for one in self.services}

    @property
    def beside(self) -> Mapping[str, Process | Server]:
        """Processes that are told, but not counted as the pipeline's own."""
        return {"nats": self.nats}

    async def start(self) -> None:
        """Start the server, tell it the jobs, start the services."""
        await self.nats.start()
        async with ready_bus(self.nats.url) as bus:
            backend = Backend(
                id="source",
                url=self._source.url,
                ha_set="source",
                external_labels=_EXTERNAL_LABELS,
                healthy=True,
            )
            await kv.put(bus, subjects.BACKENDS, backend.id, contracts.encode(backend))
            for number in range(self._size.jobs):
                job = self._job(number)
                key = subjects.job_key(subjects.JobRef(job.tenant, job.name))
                await kv.put(bus, subjects.JOBS, key, contracts.encode(job))
        for one in self.services:
            await one.start()

    async def stop(self) -> None:
        """Stop everything."""
        for one in reversed(self.services):
            await one.terminate()
        await self.nats.terminate()

    def _job(self, number: int) -> DeliveryJob:
        interval_ms = self._size.interval_seconds * 1000
        return DeliveryJob(
            tenant=_TENANT,
            name=f"job-{number}",
            digest=f"{number}",
            rules=((Matcher("namespace", "=", f"shop-{number}"),),),
            interval_ms=interval_ms,
            lookback_ms=3_600_000,
            extra_labels={"via": self.name},
            endpoints=tuple(
                Endpoint(id=endpoint.name, kind="prometheus", url=endpoint.remote_write_url)
                for endpoint in self._endpoints
            ),
        )


class Agent:
    """vmagent, scraping `/federate` as often as the source scrapes."""

    name = "vmagent"

    def __init__(
        self, directory: Path, source: Prometheus, endpoints: tuple[Prometheus, ...]
    ) -> None:
        federate = {
            "job_name": "federate",
            "metrics_path": "/federate",
            "params": {"match[]": ['{namespace=~"shop-.*"}']},
            "honor_labels": True,
            "honor_timestamps": True,
            "scrape_interval": f"{SCRAPE_SECONDS}s",
            "scrape_timeout": f"{SCRAPE_SECONDS}s",
            "static_configs": [{"targets": [source.url.removeprefix("http://")]}],
        }
        self.server = Vmagent(
            directory,
            remote_write_urls=[endpoint.remote_write_url for endpoint in endpoints],
            scrape_configs=[federate],
            flags=(
                "-remoteWrite.label=via=vmagent",
                "-promscrape.maxScrapeSize=1GB",
                *_newer_flags(),
            ),
        )

    @property
    def own(self) -> Mapping[str, Process | Server]:
        """Processes by the name of the row they are counted in."""
        return {"vmagent": self.server}

    @property
    def beside(self) -> Mapping[str, Process | Server]:
        """None."""
        return {}

    async def start(self) -> None:
        """Start it."""
        await self.server.start()

    async def stop(self) -> None:
        """Stop it."""
        await self.server.terminate()


def _newer_flags() -> tuple[str, ...]:
    """Return the flags with which newer versions speak the protocol that all endpoints speak."""
    flag = "-remoteWrite.forcePromProto"
    return (flag,) if flag in commands.run(str(binaries.find(binaries.VMAGENT)), "--help") else ()


def pid(process: Process | Server) -> int | None:
    """Return the number of the running process."""
    child = process.child if isinstance(process, Server) else process
    return child.pid if isinstance(child, Process) else None


async def appended(session: aiohttp.ClientSession, endpoint: Prometheus) -> int:
    """Return how many samples a Prometheus has stored since it was started."""
    async with session.get(f"{endpoint.url}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    return sum(
        int(float(line.rpartition(" ")[2]))
        for line in lines
        if line.startswith("prometheus_tsdb_head_samples_appended_total")
    )
