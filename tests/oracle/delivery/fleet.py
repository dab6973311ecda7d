"""The processes of one run of the oracle, described and started: everything real, all on loopback."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from tests.oracle.delivery import jobs, load
from tests.oracle.delivery.chaos import Victim
from tests.oracle.delivery.endpoints import (
    VICTORIA_FLAGS,
    Endpoint,
    PrometheusEndpoint,
    PushgatewayEndpoint,
    VictoriaEndpoint,
)
from tests.oracle.delivery.jobs import TENANT, Job

from tenantry_local import ports, readiness
from tenantry_local.nats_server import NatsCluster, NatsServer
from tenantry_local.process import Process
from tenantry_local.prometheus import Prometheus
from tenantry_local.pushgateway import Pushgateway
from tenantry_local.server import Server
from tenantry_local.service import service
from tenantry_local.supervisor import Supervisor
from tenantry_local.victoria_metrics import VictoriaMetrics

LOOPBACK = "127.0.0.1"
REPLICA_LABEL = "replica"
SCRAPE_SECONDS = 1

# Short, so that what a kill leads to happens within seconds; and batches that are small enough for
# a window to have several, so that some windows are left half published.
_SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "discovery": {"replica_labels": [REPLICA_LABEL], "probe_interval_seconds": 1},
    "tenant_controller": {},
    "collector": {"settle_seconds": 2, "spread_seconds": 1, "batch_series": 150},
    "writer": {"ack_wait_seconds": 5, "request_timeout_seconds": 3},
}


class Fleet:
    """Two HA sources, four endpoints, NATS, and as many collectors and writers as asked for."""

    def __init__(
        self,
        directory: Path,
        *,
        series: int,
        collectors: int,
        writers: int,
        nats: int,
        speaks_v2: bool = False,
    ) -> None:
        """Describe the fleet; `speaks_v2`: whether its Prometheus takes remote write 2.0."""
        self.directory = directory
        self.jobs: tuple[Job, ...] = jobs.all_jobs(speaks_v2=speaks_v2)
        self._replicas = nats if nats > 1 else 1
        self.nats: tuple[NatsServer, ...] = (
            NatsCluster(directory / "nats", nats).servers
            if nats > 1
            else (NatsServer(directory / "nats", name="nats-0"),)
        )
        self._load_port = ports.free_port()
        self._series = series
        self.sources = tuple(self._source(replica) for replica in "ab")
        prometheus = tuple(
            Prometheus(directory / name, name=name, out_of_order_window=window)
            for name, window in (("endpoint-strict", "0s"), ("endpoint-lenient", "30m"))
        )
        self.victoria = VictoriaMetrics(
            directory / "endpoint-external", name="endpoint-external", flags=VICTORIA_FLAGS
        )
        self._push = Pushgateway(directory / "endpoint-push", name="endpoint-push")
        self._prometheus = prometheus
        self.endpoints: tuple[Endpoint, ...] = (
            *map(PrometheusEndpoint, prometheus),
            VictoriaEndpoint(self.victoria),
            PushgatewayEndpoint(self._push),
        )
        counts = {
            "discovery": 1,
            "tenant_controller": 1,
            "collector": collectors,
            "writer": writers,
        }
        self._services = {
            f"{module.replace('_', '-')}-{number}": module
            for module, count in counts.items()
            for number in range(count)
        }

    @property
    def victims(self) -> tuple[Victim, ...]:
        """The processes that chaos may hit: all but the load itself."""
        servers: tuple[tuple[str, tuple[Server, ...]], ...] = (
            ("nats", self.nats),
            ("source", self.sources),
            ("prometheus", self._prometheus),
            ("victoria-metrics", (self.victoria,)),
            ("pushgateway", (self._push,)),
        )
        return (
            *(Victim(kind, server.name) for kind, group in servers for server in group),
            *(Victim(module, name) for name, module in self._services.items()),
        )

    async def start(self, supervisor: Supervisor) -> None:
        """Start everything; returns when all services are ready."""
        self._write_folders()
        await supervisor.start(self._load(), *self.nats)
        await supervisor.start(*self.sources, *(endpoint.server for endpoint in self.endpoints))
        await supervisor.start(*(self._service(name) for name in self._services))

    def _load(self) -> Process:
        return Process(
            "load",
            [
                *(sys.executable, load.__file__),
                *("--port", str(self._load_port), "--series", str(self._series)),
            ],
            log=self.directory / "load.log",
            ready=readiness.http_ok(f"http://{LOOPBACK}:{self._load_port}/metrics"),
        )

    def _source(self, replica: str) -> Prometheus:
        job = {
            "job_name": "load",
            "static_configs": [{"targets": [f"{LOOPBACK}:{self._load_port}"]}],
        }
        return Prometheus(
            self.directory / f"source-{replica}",
            name=f"source-{replica}",
            scrape_configs=[job],
            scrape_interval=f"{SCRAPE_SECONDS}s",
            external_labels={"cluster": "oracle", REPLICA_LABEL: replica},
        )

    @property
    def _manifests(self) -> Path:
        return self.directory / "manifests"

    @property
    def _targets(self) -> Path:
        return self.directory / "targets"

    def _write_folders(self) -> None:
        for folder in (self._manifests, self._targets):
            folder.mkdir(parents=True, exist_ok=True)
        for job in self.jobs:
            manifest = yaml.safe_dump(job.manifest(self.victoria.remote_write_url), sort_keys=False)
            (self._manifests / f"{job.name}.yaml").write_text(manifest)
        addresses = [source.url.removeprefix("http://") for source in self.sources]
        (self._targets / "sources.json").write_text(json.dumps([{"targets": addresses}]))

    def _settings(self, module: str) -> dict[str, Any]:
        """Return the settings of a service, those included that name this run's places."""
        places: dict[str, dict[str, Any]] = {
            "discovery": {"discovery": {"file_sd": {"folders": [str(self._targets)]}}},
            "tenant_controller": {
                "folder": {"path": str(self._manifests)},
                "service_overrides": {
                    f"{TENANT}/prometheus:9090": [server.url for server in self._prometheus],
                    f"{TENANT}/pushgateway:9091": [self._push.url],
                },
            },
            "writer": {"remote_write_allow": [self.victoria.url.removeprefix("http://")]},
        }
        nats = {"servers": [server.url for server in self.nats], "replicas": self._replicas}
        return {**_SETTINGS[module], **places.get(module, {}), "nats": nats}

    def _service(self, name: str) -> Process:
        module = self._services[name]
        return service(
            module,
            self._settings(module),
            name=name,
            nats_url=self.nats[0].url,
            ops_port=ports.free_port(),
            config=self.directory / "config" / f"{name}.yaml",
            log=self.directory / f"{name}.log",
        )
