"""A discovery process with its folder of targets, and what it publishes, for tests."""

import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp

from tenantry_common import contracts, kv, subjects
from tenantry_common.contracts import Backend
from tenantry_common.testing import mirror, ready_bus
from tenantry_local.ports import LOOPBACK, free_port
from tenantry_local.prometheus import Prometheus
from tenantry_local.service import service
from tenantry_local.testing import Factory

WITHIN = 60.0


class Discovery:
    """One instance, its folder of targets and its ops port."""

    def __init__(
        self, directory: Path, nats_url: str, name: str = "d-0", **settings: object
    ) -> None:
        self.folder = directory / "targets"
        self.folder.mkdir(exist_ok=True)
        self._port = free_port()
        self.process = service(
            "discovery",
            {
                "discovery": {"file_sd": {"folders": [str(self.folder)], "reread_seconds": 0.5}},
                "probe_interval_seconds": 0.5,
                **settings,
            },
            name=name,
            nats_url=nats_url,
            ops_port=self._port,
            config=directory / f"{name}.yaml",
            log=directory / f"{name}.log",
        )

    def list(self, *servers: Prometheus, file: str = "a.json", **labels: str) -> None:
        """Write a file that lists these servers."""
        targets = [f"{LOOPBACK}:{server.port}" for server in servers]
        (self.folder / file).write_text(json.dumps([{"targets": targets, "labels": labels}]))

    async def page(self) -> Any:
        """Return /debug/targets."""
        return json.loads((await self.get("/debug/targets"))[1])

    async def get(self, path: str) -> tuple[int, str]:
        """Return status and body of a page of the ops port."""
        url = f"http://{LOOPBACK}:{self._port}{path}"
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            return response.status, await response.text()


@contextlib.asynccontextmanager
async def backends(nats_url: str) -> AsyncIterator[kv.KvView[Backend]]:
    """Mirror KV `backends` as the gateway does."""
    async with (
        ready_bus(nats_url) as connection,
        mirror(connection, subjects.BACKENDS, contracts.decode_backend) as view,
    ):
        yield view


def sets(snapshot: Mapping[str, Backend]) -> dict[str, list[bool]]:
    """HA set → health of its backends."""
    found: dict[str, list[bool]] = {}
    for backend in snapshot.values():
        found.setdefault(backend.ha_set, []).append(backend.healthy)
    return {name: sorted(health) for name, health in found.items()}


def ports(snapshot: Mapping[str, Backend]) -> set[int]:
    return {int(backend.url.rpartition(":")[2]) for backend in snapshot.values()}


async def pair(factory: Factory[Prometheus]) -> tuple[Prometheus, Prometheus]:
    a = await factory(name="a", external_labels={"cluster": "eu1", "replica": "a"})
    b = await factory(name="b", external_labels={"cluster": "eu1", "replica": "b"})
    return a, b
