"""Receivers, writers and a Prometheus around a cluster of nats-servers, some of which are killed."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.delivery import usage

from receiver import testing
from receiver.testing import Issuer
from tenantry_common import bus, config, contracts, kv, streams, subjects
from tenantry_common.contracts import PushPolicy
from tenantry_local.nats_server import NatsCluster
from tenantry_local.ports import LOOPBACK, free_ports
from tenantry_local.process import Process
from tenantry_local.prometheus import Prometheus
from tenantry_local.service import service

_RECEIVERS = 2
_WRITERS = 2


@dataclass
class Plant:
    """Everything that runs."""

    nats: NatsCluster
    prometheus: Prometheus
    bus: bus.Bus
    issuer: Issuer = field(default_factory=Issuer)
    receivers: list[Process] = field(default_factory=list)
    writers: list[Process] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)
    spent: float = 0.0
    """Processor seconds of receivers that were killed."""

    def processor_seconds(self) -> float:
        """Return what all receivers have used until now."""
        return self.spent + usage.of(one.pid for one in self.receivers).cpu_seconds

    async def kill_receiver(self) -> None:
        """Kill the first receiver as a crash would, and start it again."""
        self.spent += usage.of([self.receivers[0].pid]).cpu_seconds
        await self.receivers[0].kill()
        await self.receivers[0].start()

    async def kill_writer(self) -> None:
        """Kill the first writer as a crash would, and start it again."""
        await self.writers[0].kill()
        await self.writers[0].start()

    async def kill_node(self) -> None:
        """Kill the node that leads stream SAMPLES, and start it again."""
        info = await self.bus.js.stream_info(subjects.SAMPLES)
        leader = info.cluster.leader if info.cluster else self.nats.servers[0].name
        (node,) = [server for server in self.nats.servers if server.name == leader]
        await node.kill()
        await node.start()


@contextlib.asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Plant]:
    """Start everything; it ends with the context."""
    cluster = NatsCluster(folder / "nats")
    prometheus = Prometheus(folder / "prometheus", out_of_order_window="30m")
    settings = config.Nats(
        servers=tuple(cluster.urls), replicas=len(cluster.servers), samples_max_bytes=8 << 30
    )
    async with contextlib.AsyncExitStack() as stack:
        await cluster.start()
        for server in cluster.servers:
            stack.push_async_callback(_ended, server)
        await prometheus.start()
        stack.push_async_callback(prometheus.kill)
        connection = await stack.enter_async_context(bus.connect(settings, "bench"))
        await streams.ensure(connection, settings)
        made = Plant(cluster, prometheus, connection)
        await _publish(made)
        for number in range(_RECEIVERS + _WRITERS):
            await _start(made, folder, number)
            stack.push_async_callback(_ended, (made.receivers + made.writers)[-1])
        yield made


async def _ended(process: object) -> None:
    if process.running:  # type: ignore[attr-defined]  # a server or a process
        await process.kill()  # type: ignore[attr-defined]


async def _publish(plant: Plant) -> None:
    endpoint = contracts.Endpoint(id="p", kind="prometheus", url=plant.prometheus.remote_write_url)
    job = testing.job(PushPolicy(sources=("*",), interval_ms=0), endpoints=(endpoint,))
    key = subjects.job_key(testing.JOB)
    await kv.put(plant.bus, subjects.JOBS, key, contracts.encode(job))


async def _start(plant: Plant, folder: Path, number: int) -> None:
    port, ops_port = free_ports(2)
    keys = folder / "keys.json"
    keys.write_bytes(plant.issuer.document)
    is_receiver = number < _RECEIVERS
    module = "receiver" if is_receiver else "writer"
    settings: dict[str, object] = {
        "nats": {"servers": plant.nats.urls, "replicas": len(plant.nats.servers)}
    }
    if is_receiver:
        settings["listen"] = {"host": LOOPBACK, "port": port}
        settings["auth"] = {"tokens": {"keys_file": str(keys)}}
    else:
        settings |= {"ack_wait_seconds": 6.0, "request_timeout_seconds": 5.0}
    process = service(
        module,
        settings,
        name=f"{module}-{number}",
        nats_url=plant.nats.urls[0],
        ops_port=ops_port,
        config=folder / f"{module}-{number}.yaml",
        log=folder / f"{module}-{number}.log",
    )
    await process.start()
    if is_receiver:
        plant.receivers.append(process)
        plant.urls.append(f"http://{LOOPBACK}:{port}")
    else:
        plant.writers.append(process)
