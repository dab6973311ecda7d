"""The estate that `tenantry up` and the demo run: what it consists of, as plain descriptions.

Everything lives below one run folder: `config/`, `log/`, `data/`, `manifests/`, `targets/`. The
services run as they run in a cluster, one process each; only their sources are folders.
"""

import json
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tenantry_cli.demo import load
from tenantry_cli.ports import Ports
from tenantry_local import readiness
from tenantry_local.nats_server import NatsServer
from tenantry_local.process import Process
from tenantry_local.prometheus import Prometheus
from tenantry_local.service import service

LOOPBACK = "127.0.0.1"
REPLICA_LABEL = "prometheus_replica"
CLUSTER = {"cluster": "demo"}
DELIVERED_TENANT = "team-web"
_SCRAPE_INTERVAL = "1s"


@dataclass(frozen=True)
class Estate:
    """An estate that was described but not started."""

    run_dir: Path
    ports: Ports

    @property
    def manifests(self) -> Path:
        """The folder of MetricAccess manifests that the tenant-controller watches."""
        return self.run_dir / "manifests"

    @property
    def gateway_url(self) -> str:
        """Where tenants send queries."""
        return f"http://{LOOPBACK}:{self.ports.gateway}"

    @property
    def nats_url(self) -> str:
        """Where the services meet."""
        return f"nats://{LOOPBACK}:{self.ports.nats}"

    @property
    def infra_urls(self) -> tuple[str, str]:
        """The shared Prometheus servers, an HA pair."""
        return _url(self.ports.infra_a), _url(self.ports.infra_b)

    @property
    def tenant_urls(self) -> tuple[str, str]:
        """The tenant's own Prometheus replicas."""
        return _url(self.ports.tenant_0), _url(self.ports.tenant_1)

    def prepare(self, manifests: Path) -> None:
        """Write the folders that the services read; `manifests` are copied, to be edited freely."""
        for folder in ("config", "log", "data", "targets"):
            (self.run_dir / folder).mkdir(parents=True, exist_ok=True)
        shutil.rmtree(self.manifests, ignore_errors=True)
        shutil.copytree(manifests, self.manifests)
        targets = [f"{LOOPBACK}:{self.ports.infra_a}", f"{LOOPBACK}:{self.ports.infra_b}"]
        document = [{"targets": targets, "labels": {"estate": "demo"}}]
        (self.run_dir / "targets" / "infrastructure.json").write_text(
            json.dumps(document, indent=2)
        )

    def nats(self) -> NatsServer:
        """Return the NATS server with JetStream and its monitoring port."""
        return NatsServer(
            self._data("nats"),
            port=self.ports.nats,
            monitor_port=self.ports.nats_monitor,
            log=self._log("nats"),
        )

    def sources(self) -> tuple[Process, Prometheus, Prometheus]:
        """Return the load source and the HA pair of shared Prometheus servers that scrape it."""
        infra = (self._infra("a", self.ports.infra_a), self._infra("b", self.ports.infra_b))
        return self._load(), *infra

    def tenants(self) -> tuple[Prometheus, Prometheus]:
        """Return the tenant's two replicas: one takes late samples, one refuses them."""
        return (
            self._tenant(0, self.ports.tenant_0, out_of_order_window="0s"),
            self._tenant(1, self.ports.tenant_1, out_of_order_window="30m"),
        )

    def services(self) -> tuple[Process, ...]:
        """Return the services, one process each, two of the writer."""
        return (
            self._service("discovery", "discovery", self._discovery()),
            self._service("tenant-controller", "tenant_controller", self._tenant_controller()),
            self._service("query-gateway", "query_gateway", self._query_gateway()),
            self._service("collector", "collector", {"settle_seconds": 2}),
            self._service("writer-0", "writer", {}),
            self._service("writer-1", "writer", {}),
        )

    def _data(self, name: str) -> Path:
        return self.run_dir / "data" / name

    def _log(self, name: str) -> Path:
        return self.run_dir / "log" / f"{name}.log"

    def _load(self) -> Process:
        return Process(
            "load",
            [sys.executable, "-m", load.__name__, "--port", str(self.ports.load)],
            log=self._log("load"),
            ports=(self.ports.load,),
            ready=readiness.http_ok(f"{_url(self.ports.load)}/metrics/web"),
        )

    def _infra(self, replica: str, port: int) -> Prometheus:
        jobs = [
            {
                "job_name": job,
                "metrics_path": f"/metrics/{job}",
                "static_configs": [{"targets": [f"{LOOPBACK}:{self.ports.load}"]}],
            }
            for job in load.jobs()
        ]
        themselves = {
            "job_name": "prometheus",
            "static_configs": [
                {
                    "targets": [
                        f"{LOOPBACK}:{self.ports.infra_a}",
                        f"{LOOPBACK}:{self.ports.infra_b}",
                    ]
                }
            ],
        }
        return Prometheus(
            self._data(f"infra-{replica}"),
            name=f"infra-{replica}",
            port=port,
            log=self._log(f"infra-{replica}"),
            scrape_configs=[*jobs, themselves],
            scrape_interval=_SCRAPE_INTERVAL,
            external_labels={**CLUSTER, REPLICA_LABEL: replica},
        )

    def _tenant(self, number: int, port: int, *, out_of_order_window: str) -> Prometheus:
        return Prometheus(
            self._data(f"tenant-{number}"),
            name=f"tenant-{number}",
            port=port,
            log=self._log(f"tenant-{number}"),
            out_of_order_window=out_of_order_window,
        )

    def _service(self, name: str, module: str, settings: Mapping[str, Any]) -> Process:
        return service(
            module,
            settings,
            name=name,
            nats_url=self.nats_url,
            ops_port=getattr(self.ports, f"ops_{name.replace('-', '_')}"),
            config=self.run_dir / "config" / f"{name}.yaml",
            log=self._log(name),
        )

    def _discovery(self) -> dict[str, Any]:
        return {
            "discovery": {"file_sd": {"folders": [str(self.run_dir / "targets")]}},
            "replica_labels": [REPLICA_LABEL],
            "probe_interval_seconds": 2,
        }

    def _tenant_controller(self) -> dict[str, Any]:
        return {
            "folder": {"path": str(self.manifests)},
            "service_overrides": {f"{DELIVERED_TENANT}/prometheus:9090": list(self.tenant_urls)},
        }

    def _query_gateway(self) -> dict[str, Any]:
        return {
            "listen": {"host": LOOPBACK, "port": self.ports.gateway},
            "auth": {
                "modes": ["trusted-header"],
                "trusted_header": {"networks": ["127.0.0.0/8", "::1/128"]},
            },
        }


def _url(port: int) -> str:
    return f"http://{LOOPBACK}:{port}"
