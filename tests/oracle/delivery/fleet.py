"""The processes of one run of the oracle, described and started: everything real, all on loopback."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from tests.oracle.delivery import load

from tenantry_local import ports, readiness
from tenantry_local.nats_server import NatsCluster, NatsServer
from tenantry_local.process import Process
from tenantry_local.prometheus import Prometheus
from tenantry_local.service import service
from tenantry_local.supervisor import Supervisor

LOOPBACK = "127.0.0.1"
REPLICA_LABEL = "replica"
TENANT = "team-a"
SCRAPE_SECONDS = 1


class Fleet:
    """Two HA sources, endpoints, a NATS cluster, and as many collectors and writers as asked for."""

    def __init__(
        self,
        directory: Path,
        *,
        manifests: Mapping[str, Any],
        series: int,
        collectors: int,
        writers: int,
        nats: int,
    ) -> None:
        """Describe the fleet; `manifests` are MetricAccess objects by file name."""
        self.directory = directory
        self._manifests = manifests
        self._replicas = nats if nats > 1 else 1
        self.nats: tuple[NatsServer, ...] = (
            NatsCluster(directory / "nats", nats).servers
            if nats > 1
            else (NatsServer(directory / "nats", name="nats-0"),)
        )
        self.load_port = ports.free_port()
        self._series = series
        self.sources = tuple(self._source(replica) for replica in "ab")
        self.strict = self._endpoint("endpoint-strict", "0s")
        self.lenient = self._endpoint("endpoint-lenient", "30m")
        self._counts = {"collector": collectors, "writer": writers}

    @property
    def victims(self) -> tuple[str, ...]:
        """Names of the processes that chaos may hit: all but the load itself."""
        servers = (*self.nats, *self.sources, self.strict, self.lenient)
        services = [
            f"{kind}-{number}" for kind, count in self._counts.items() for number in range(count)
        ]
        return (*(server.name for server in servers), *services)

    async def start(self, supervisor: Supervisor) -> None:
        """Start everything; returns when all services are ready."""
        self._write_folders()
        await supervisor.start(self._load(), *self.nats)
        await supervisor.start(*self.sources, self.strict, self.lenient)
        await supervisor.start(*self._services())

    def _load(self) -> Process:
        return Process(
            "load",
            [
                *(sys.executable, load.__file__),
                *("--port", str(self.load_port), "--series", str(self._series)),
            ],
            log=self.directory / "load.log",
            ready=readiness.http_ok(f"http://{LOOPBACK}:{self.load_port}/metrics"),
        )

    def _source(self, replica: str) -> Prometheus:
        job = {
            "job_name": "load",
            "static_configs": [{"targets": [f"{LOOPBACK}:{self.load_port}"]}],
        }
        return Prometheus(
            self.directory / f"source-{replica}",
            name=f"source-{replica}",
            scrape_configs=[job],
            scrape_interval=f"{SCRAPE_SECONDS}s",
            external_labels={"cluster": "oracle", REPLICA_LABEL: replica},
        )

    def _endpoint(self, name: str, window: str) -> Prometheus:
        return Prometheus(self.directory / name, name=name, out_of_order_window=window)

    def _write_folders(self) -> None:
        manifests = self.directory / "manifests"
        targets = self.directory / "targets"
        for folder in (manifests, targets):
            folder.mkdir(parents=True, exist_ok=True)
        for name, manifest in self._manifests.items():
            (manifests / name).write_text(yaml.safe_dump(manifest, sort_keys=False))
        addresses = [source.url.removeprefix("http://") for source in self.sources]
        (targets / "sources.json").write_text(json.dumps([{"targets": addresses}]))

    def _services(self) -> list[Process]:
        overrides = {f"{TENANT}/prometheus:9090": [self.strict.url, self.lenient.url]}
        alone = (
            ("discovery", {
                "discovery": {"file_sd": {"folders": [str(self.directory / "targets")]}},
                "replica_labels": [REPLICA_LABEL],
                "probe_interval_seconds": 1,
            }),
            ("tenant_controller", {
                "folder": {"path": str(self.directory / "manifests")},
                "service_overrides": overrides,
            }),
        )  # fmt: skip
        described = [self._service(module, module, settings) for module, settings in alone]
        for kind, count in self._counts.items():
            settings = (
                {"settle_seconds": 2}
                if kind == "collector"
                else {"ack_wait_seconds": 5, "request_timeout_seconds": 3}
            )
            described += [self._service(f"{kind}-{n}", kind, settings) for n in range(count)]
        return described

    def _service(self, name: str, module: str, settings: Mapping[str, Any]) -> Process:
        urls = [server.url for server in self.nats]
        return service(
            module,
            {**settings, "nats": {"servers": urls, "replicas": self._replicas}},
            name=name,
            nats_url=urls[0],
            ops_port=ports.free_port(),
            config=self.directory / "config" / f"{name}.yaml",
            log=self.directory / f"{name}.log",
        )
