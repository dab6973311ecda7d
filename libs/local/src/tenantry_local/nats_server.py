"""A nats-server with JetStream, alone or as a cluster of several."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tenantry_local import binaries, readiness
from tenantry_local.ports import LOOPBACK, free_port, free_ports
from tenantry_local.server import Command, Launch, Server, native


class NatsServer(Server):
    """One nats-server on loopback; streams are kept in `directory` and survive `kill`."""

    def __init__(
        self,
        directory: Path,
        *,
        name: str = "nats",
        port: int | None = None,
        monitor_port: int | None = None,
        log: Path | None = None,
        settings: Mapping[str, Any] | None = None,
        launch: Launch = native,
    ) -> None:
        """Describe the server; `settings` are more keys of the file, in nats-server's own words.

        `max_payload` is the server's default of 1 MiB unless `settings` say otherwise, because that
        is what batches must fit into in production too.
        """
        self.port = port or free_port()
        self.monitor_port = monitor_port or free_port()
        self._config = directory / "nats-server.json"
        self._settings = settings or {}
        super().__init__(
            Command(
                name=name,
                binary=binaries.NATS_SERVER,
                arguments=("--config", str(self._config)),
                directory=directory,
                log=log or directory / f"{name}.log",
                ports=(self.port, self.monitor_port),
                ready=readiness.http_ok(f"{self.monitor_url}/healthz"),
            ),
            launch,
        )

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"nats://{LOOPBACK}:{self.port}"

    @property
    def monitor_url(self) -> str:
        """Where `/varz`, `/jsz`, `/connz` and `/healthz` are served."""
        return f"http://{LOOPBACK}:{self.monitor_port}"

    def write_config(self) -> None:
        """Write the configuration as JSON, which nats-server reads as its own format."""
        config = {
            "server_name": self.name,
            "listen": f"{LOOPBACK}:{self.port}",
            "http": f"{LOOPBACK}:{self.monitor_port}",
            "jetstream": {"store_dir": str(self.directory / "jetstream")},
            **self._settings,
        }
        self._config.write_text(json.dumps(config, indent=2))


class NatsCluster:
    """Several nats-servers that replicate their streams; an odd number has a clear majority."""

    def __init__(self, directory: Path, size: int = 3, *, launch: Launch = native) -> None:
        routes = free_ports(size)
        self.servers = tuple(
            NatsServer(
                directory / f"nats-{index}",
                name=f"nats-{index}",
                settings={"cluster": _cluster(route, routes)},
                launch=launch,
            )
            for index, route in enumerate(routes)
        )

    @property
    def urls(self) -> list[str]:
        """Where clients connect: all members, so that losing one does not lose the client."""
        return [server.url for server in self.servers]

    async def start(self) -> None:
        """Start all members; each is ready only after the cluster has elected a leader."""
        async with asyncio.TaskGroup() as group:
            for server in self.servers:
                group.create_task(server.start(), name=server.name)

    async def terminate(self) -> None:
        """Stop the members that run."""
        async with asyncio.TaskGroup() as group:
            for server in self.servers:
                if server.running:
                    group.create_task(server.terminate(), name=server.name)


def _cluster(route: int, routes: tuple[int, ...]) -> dict[str, Any]:
    return {
        "name": "local",
        "listen": f"{LOOPBACK}:{route}",
        "routes": [f"nats-route://{LOOPBACK}:{other}" for other in routes if other != route],
    }
