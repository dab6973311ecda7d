"""Two clusters on this machine: one that collects and pushes, one that is pushed to.

They share nothing but a port: the isolated one has a Prometheus and `tenantry edge` with a NATS
server of its own; the central one has NATS, two receivers, a writer with the Prometheus that it
delivers to (the archive), and a Prometheus that scrapes `/federate` of both receivers (the centre).
"""

import shutil
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from receiver.identity import rotation
from tenantry_cli.demo import load
from tenantry_cli.ports import free
from tenantry_common import api_key
from tenantry_local import readiness
from tenantry_local.nats_server import NatsServer
from tenantry_local.ports import LOOPBACK
from tenantry_local.process import Process
from tenantry_local.prometheus import Prometheus
from tenantry_local.service import service

TENANT, JOB = "fleet", "pushed"
CLUSTER = "5e1f0c0a"
LABELS = {"fleet": "demo"}
JOBS = ("web", "batch")
SALT = "a-unique-value"
_DAY_SECONDS = 86_400


@dataclass(frozen=True, kw_only=True)
class Ports:
    """One field per listening socket."""

    balancer: int = 18400
    nats: int = 14400
    receiver_0: int = 18410
    receiver_1: int = 18411
    federate_0: int = 18420
    federate_1: int = 18421
    archive: int = 19400
    centre: int = 19401
    load: int = 18430
    source: int = 19410
    edge_nats: int = 14410
    ops_receiver_0: int = 18440
    ops_receiver_1: int = 18441
    ops_controller: int = 18442
    ops_writer: int = 18443

    @classmethod
    def free(cls) -> "Ports":
        """Return ports that nobody uses right now."""
        return cls(**free(cls))


@dataclass(frozen=True)
class Estate:
    """Both clusters, described but not started."""

    run_dir: Path
    ports: Ports
    credential: str = field(default_factory=lambda: api_key.new("edge"), repr=False)
    scraper: str = field(default_factory=lambda: api_key.new("centre"), repr=False)

    @property
    def push_url(self) -> str:
        """What the isolated cluster knows of the central one."""
        return _url(self.ports.balancer)

    @property
    def receiver_ports(self) -> tuple[int, int]:
        """Where the receivers listen, behind the balancer."""
        return self.ports.receiver_0, self.ports.receiver_1

    @property
    def federate_urls(self) -> tuple[str, str]:
        """Where each receiver serves `/federate`."""
        return f"{_url(self.ports.federate_0)}/federate", f"{_url(self.ports.federate_1)}/federate"

    @property
    def source_url(self) -> str:
        """The isolated cluster's Prometheus."""
        return _url(self.ports.source)

    @property
    def archive_url(self) -> str:
        """The Prometheus that the writer delivers to."""
        return _url(self.ports.archive)

    @property
    def centre_url(self) -> str:
        """The Prometheus that scrapes `/federate`."""
        return _url(self.ports.centre)

    def prepare(self) -> None:
        """Write keys, credentials, the manifest and the edge's file, in an empty folder."""
        shutil.rmtree(self.run_dir, ignore_errors=True)
        for folder in ("config", "log", "data", "manifests"):
            (self.run_dir / folder).mkdir(parents=True)
        keys = rotation.rotated((), int(time.time()), lead=0, lifetime=_DAY_SECONDS)
        self._file("keys.json").write_bytes(rotation.private_document(keys))
        entry = {**_hashed(self.credential), "tenant": TENANT, "job": JOB, "clusters": [CLUSTER]}
        self._write("credentials.yaml", {"credentials": [entry]})
        self._write("scrapers.yaml", {"scrapers": [{**_hashed(self.scraper), "tenants": [TENANT]}]})
        self._file("scraper").write_text(self.scraper)
        self._file("credential").write_text(self.credential)
        self._file("salt").write_text(SALT)
        self._write("edge.yaml", self._edge())
        manifest = yaml.safe_dump(_manifest(), sort_keys=False)
        (self.run_dir / "manifests" / "pushed.yaml").write_text(manifest)

    def nats(self) -> NatsServer:
        """Return the central cluster's NATS server."""
        return NatsServer(self._data("nats"), port=self.ports.nats, log=self._log("nats"))

    def central(self) -> tuple[Process, ...]:
        """Return the central cluster's services."""
        archive = {f"{TENANT}/archive:9090": [self.archive_url]}
        return (
            self._receiver(0, self.ports.receiver_0, self.ports.federate_0),
            self._receiver(1, self.ports.receiver_1, self.ports.federate_1),
            self._service(
                "tenant_controller",
                "controller",
                {
                    "folder": {"path": str(self.run_dir / "manifests")},
                    "service_overrides": archive,
                },
            ),
            self._service("writer", "writer", {}),
        )

    def archive(self) -> Prometheus:
        """Return the Prometheus that the writer delivers to."""
        return self._prometheus("archive", self.ports.archive)

    def centre(self) -> Prometheus:
        """Return the Prometheus that scrapes `/federate` of both receivers."""
        targets = [f"{LOOPBACK}:{self.ports.federate_0}", f"{LOOPBACK}:{self.ports.federate_1}"]
        job = {
            "job_name": "federate",
            "metrics_path": "/federate",
            "honor_labels": True,
            "params": {"match[]": ['{__name__=~".+"}']},
            "authorization": {"credentials_file": str(self._file("scraper"))},
            "static_configs": [{"targets": targets}],
        }
        return self._prometheus("centre", self.ports.centre, scrape_configs=[job])

    def isolated(self) -> tuple[Process, Prometheus]:
        """Return what the isolated cluster has before its edge: something to scrape, and who does."""
        exporter = Process(
            "load",
            [sys.executable, "-m", load.__name__, "--port", str(self.ports.load)],
            log=self._log("load"),
            ports=(self.ports.load,),
            ready=readiness.http_ok(f"{_url(self.ports.load)}/metrics/web"),
        )
        jobs = [
            {
                "job_name": name,
                "metrics_path": f"/metrics/{name}",
                "static_configs": [{"targets": [f"{LOOPBACK}:{self.ports.load}"]}],
            }
            for name in JOBS
        ]
        return exporter, self._prometheus("source", self.ports.source, scrape_configs=jobs)

    def edge(self) -> Process:
        """Return `tenantry edge`, which runs a NATS server and four services of its own."""
        config = str(self._file("edge.yaml"))
        command = [sys.executable, "-m", "tenantry_cli", "edge", "--config", config]
        return Process("edge", command, log=self._log("edge"))

    def _edge(self) -> dict[str, Any]:
        return {
            "sources": {"static": [self.source_url]},
            "match": [f'{{job="{name}"}}' for name in JOBS],
            "interval": "5s",
            "collection": "raw",
            "labels": {"site": "north"},
            "rename": {"queue_depth": "queue_length"},
            "anonymise": {"labels": ["instance", "pod"], "salt_file": str(self._file("salt"))},
            "upstream": {
                "type": "telemeter",
                "url": self.push_url,
                "id": CLUSTER,
                "credential_file": str(self._file("credential")),
                "upload_interval": "2s",
            },
            "data_dir": str(self.run_dir / "edge"),
            "start_jitter": "0s",
            "ports": {"nats": self.ports.edge_nats},
            "services": {
                "collector": {"settle_seconds": 2, "spread_seconds": 0},
                "discovery": {"probe_interval_seconds": 1},
            },
        }

    def _receiver(self, number: int, port: int, federate_port: int) -> Process:
        return self._service(
            "receiver",
            f"receiver-{number}",
            {
                "listen": {"host": LOOPBACK, "port": port},
                "auth": {
                    "tokens": {"keys_file": str(self._file("keys.json"))},
                    "credentials": {"file": str(self._file("credentials.yaml"))},
                },
                "federate": {
                    "host": LOOPBACK,
                    "port": federate_port,
                    "scrapers_file": str(self._file("scrapers.yaml")),
                },
            },
        )

    def _prometheus(self, name: str, port: int, **settings: Any) -> Prometheus:
        return Prometheus(
            self._data(name),
            name=name,
            port=port,
            log=self._log(name),
            scrape_interval="1s",
            out_of_order_window="0s",
            **settings,
        )

    def _service(self, module: str, name: str, settings: Mapping[str, Any]) -> Process:
        return service(
            module,
            settings,
            name=name,
            nats_url=f"nats://{LOOPBACK}:{self.ports.nats}",
            ops_port=getattr(self.ports, f"ops_{name.replace('-', '_')}"),
            config=self._file(f"{name}.yaml"),
            log=self._log(name),
        )

    def _write(self, name: str, document: Mapping[str, Any]) -> None:
        self._file(name).write_text(yaml.safe_dump(dict(document), sort_keys=False))

    def _file(self, name: str) -> Path:
        return self.run_dir / "config" / name

    def _data(self, name: str) -> Path:
        return self.run_dir / "data" / name

    def _log(self, name: str) -> Path:
        return self.run_dir / "log" / f"{name}.log"


def _manifest() -> dict[str, Any]:
    """Return the MetricAccess of the central cluster: who may push what, and where it goes."""
    archive = {"type": "prometheus", "prometheus": {"serviceName": "archive"}}
    return {
        "apiVersion": "observability.ethos.io/v1alpha1",
        "kind": "MetricAccess",
        "metadata": {"name": JOB, "namespace": TENANT},
        "spec": {
            "source": "fleet",
            "metrics": ['{__name__=~".+"}'],
            "allowAll": True,
            "push": {"sources": [CLUSTER], "labels": LABELS, "interval": "1s"},
            "remoteWrite": {"enabled": True, "interval": "5s", "target": archive},
        },
    }


def _hashed(key: str) -> dict[str, str]:
    read = api_key.read(key)
    if read is None:
        raise ValueError("not a key")
    return {"id": read.id, "hash": api_key.make(read.secret)}


def _url(port: int) -> str:
    return f"http://{LOOPBACK}:{port}"
