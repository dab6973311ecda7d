"""NATS as deploy/nats configures it, run on this machine: the same files, other addresses."""

import base64
import contextlib
import subprocess
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from tenantry_common import bus, config
from tenantry_local import binaries, readiness
from tenantry_local.ports import LOOPBACK, free_ports
from tenantry_local.process import Process

ROOT = Path(__file__).parents[2]
NATS = ROOT / "deploy" / "nats"
USERS = (
    "provision",
    "discovery",
    "tenant-controller",
    "query-gateway",
    "collector",
    "writer",
    "receiver",
    "operator",
)


def secrets(folder: Path) -> dict[str, Path]:
    """Run credentials.sh, and write each Secret's keys into a folder of its own, as kubelet does."""
    printed = subprocess.run(
        [NATS / "credentials.sh", "tenantry-system"], capture_output=True, text=True, check=True
    )
    found = {}
    for secret in yaml.safe_load_all(printed.stdout):
        place = found[secret["metadata"]["name"]] = folder / secret["metadata"]["name"]
        place.mkdir(parents=True)
        for key, value in secret["data"].items():
            (place / key).write_bytes(base64.b64decode(value))
    return found


def stateful_set() -> dict[str, Any]:
    """Return the shipped StatefulSet."""
    found: dict[str, Any] = next(yaml.safe_load_all((NATS / "statefulset.yaml").read_text()))
    return found


def password_references() -> dict[str, dict[str, str]]:
    """Return which key of which Secret each variable of a node's environment comes from."""
    (container,) = stateful_set()["spec"]["template"]["spec"]["containers"]
    return {
        one["name"]: one["valueFrom"]["secretKeyRef"]
        for one in container["env"]
        if "secretKeyRef" in one["valueFrom"]
    }


def environment(secrets: Mapping[str, Path]) -> dict[str, str]:
    """Return the passwords as a node's environment holds them."""
    return {
        name: (secrets[reference["name"]] / reference["key"]).read_text()
        for name, reference in password_references().items()
    }


@dataclass(frozen=True)
class Running:
    """Nodes that are running, and what clients need to reach them."""

    nodes: tuple[Process, ...]
    ports: tuple[int, ...]
    monitors: tuple[int, ...]
    secrets: Mapping[str, Path]
    known: int = 0
    """Violations before this one are of no interest."""

    def settings(self, user: str, **more: Any) -> dict[str, Any]:
        """Return section `nats` of a service that is that user."""
        return {
            "servers": [f"tls://{LOOPBACK}:{port}" for port in self.ports],
            "username": user,
            "password_file": str(self.secrets[f"nats-{user}"] / "password"),
            "tls_ca_file": str(self.secrets["nats-tls"] / "ca.crt"),
            **more,
        }

    @contextlib.asynccontextmanager
    async def connected(self, user: str) -> AsyncIterator[bus.Bus]:
        """Yield a connection of that user, as its service opens it."""
        settings = self.settings(user)
        async with bus.connect(
            config.Nats(**{**settings, "servers": tuple(settings["servers"])}), user
        ) as connection:
            yield connection

    def violations(self) -> list[str]:
        """Return what the nodes said of clients that tried what they may not."""
        return self._violations()[self.known :]

    def from_now(self) -> "Running":
        """Return the same servers, whose violations are those to come."""
        return replace(self, known=len(self._violations()))

    def _violations(self) -> list[str]:
        return [
            line
            for node in self.nodes
            for line in node.log.read_text().splitlines()
            if "Violation" in line
        ]


@contextlib.asynccontextmanager
async def running(folder: Path, size: int) -> AsyncIterator[Running]:
    """Start one node, configured as overlay `minimal` does, or a cluster of three."""
    clients, monitors, routes = (free_ports(3) for _ in range(3))
    given = secrets(folder / "secrets")
    nodes = []
    for number in range(size):
        place = folder / f"nats-{number}"
        addresses = {
            "0.0.0.0:4222": f"{LOOPBACK}:{clients[number]}",
            "0.0.0.0:8222": f"{LOOPBACK}:{monitors[number]}",
            "0.0.0.0:6222": f"{LOOPBACK}:{routes[number]}",
            '"/tls/': f'"{given["nats-tls"]}/',
            '"/data"': f'"{place / "data"}"',
            **{f"nats-{n}.nats-nodes:6222": f"{LOOPBACK}:{routes[n]}" for n in range(3)},
        }
        place.mkdir()
        for name in ("nats.conf", "accounts.conf", "cluster.conf"):
            text = (NATS / name).read_text() if size > 1 or name != "cluster.conf" else ""
            for shipped, here in addresses.items():
                text = text.replace(shipped, here)
            (place / name).write_text(text)
        nodes.append(
            Process(
                f"nats-{number}",
                [binaries.find(binaries.NATS_SERVER), "--config", place / "nats.conf"],
                log=place / "log",
                env={
                    **environment(given),
                    "POD_NAME": f"nats-{number}",
                },
                ports=(clients[number], monitors[number]),
                ready=readiness.http_ok(f"http://{LOOPBACK}:{monitors[number]}/healthz"),
            )
        )
    async with contextlib.AsyncExitStack() as stack:
        for node in nodes:
            node.spawn()
            stack.push_async_callback(node.kill)
        for node in nodes:
            await node.wait_ready()
        yield Running(tuple(nodes), clients[:size], monitors[:size], given)
