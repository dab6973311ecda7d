"""How long the tenant-controller takes to publish many MetricAccess of a cluster, and its memory.

    .venv/bin/python tests/bench/bench_controller.py [OBJECTS]

The API server is the suite's emulator (kmock) in a process of its own beside a real nats-server; half
of the objects deliver. Time is counted from the start of the controller's process to the last policy
and job on NATS, and to the last status where that is waited for (`--status`).
"""

import argparse
import asyncio
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.kubernetes import api_server, cluster
from tests.kubernetes.api_server import ApiServer

from tenantry_common import contracts, subjects
from tenantry_common.testing import mirror, ready_bus, until
from tenantry_local.nats_server import NatsServer
from tenantry_local.ports import free_port
from tenantry_local.service import service

KIND = ("observability.ethos.io", "metricaccesses")


def access(number: int) -> dict[str, Any]:
    """Return one object: ten rules, and a delivery for every second one."""
    namespace = f"team-{number}"
    delivery = {
        "enabled": True,
        "interval": "30s",
        "target": {"type": "prometheus"},
        "prometheus": {"serviceName": "prometheus", "servicePort": 9090},
        "extraLabels": {"tenant": namespace, "managed_by": "multi-tenant-proxy"},
    }
    return {
        "metadata": {"name": "metrics", "namespace": namespace},
        "spec": {
            "source": namespace,
            "metrics": [
                "up",
                *(f'container_{n}_total{{namespace="{namespace}"}}' for n in range(8)),
                f'{{namespace="{namespace}",__name__=~"kube_pod_.*"}}',
            ],
            **({"remoteWrite": delivery} if number % 2 else {}),
        },
    }


def memory_mib(pid: int) -> float:
    """Return the greatest memory that a process has used."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


def cpu_seconds(pid: int) -> float:
    """Return the time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


async def main(objects: int, with_status: bool) -> None:
    """Measure once and print."""
    with tempfile.TemporaryDirectory() as folder:
        nats = NatsServer(Path(folder))
        await nats.start()
        async with (
            api_server.running() as server,
            cluster.emulated(server),
            ready_bus(nats.url) as connection,
            mirror(connection, subjects.POLICIES, contracts.decode_policy) as policies,
            mirror(connection, subjects.JOBS, contracts.decode_job) as jobs,
        ):
            for number in range(objects):
                server.apply(KIND, access(number))
            controller = service(
                "tenant_controller",
                {"kubernetes": {"api": {"url": str(server.url).rstrip("/")}}},
                name="c",
                nats_url=nats.url,
                ops_port=free_port(),
                config=Path(folder) / "c.yaml",
                log=Path(folder) / "c.log",
            )
            began = time.monotonic()
            controller.spawn()
            await until(policies, lambda found: len(found) == objects, 600)
            await until(jobs, lambda found: len(found) == objects // 2, 600)
            published = time.monotonic() - began
            assert controller.pid is not None
            sys.stdout.write(
                f"{objects} objects: published after {published:.1f} s, "
                f"{cpu_seconds(controller.pid):.1f} s of CPU, "
                f"{memory_mib(controller.pid):.0f} MiB at most; "
                f"bench, API server and mirrors {_own_mib():.0f} MiB\n"
            )
            if with_status:
                await _statuses(server, objects)
                sys.stdout.write(
                    f"every status after {time.monotonic() - began:.1f} s, "
                    f"{cpu_seconds(controller.pid):.1f} s of CPU, "
                    f"{memory_mib(controller.pid):.0f} MiB\n"
                )
            await controller.kill()
        await nats.kill()


async def _statuses(server: ApiServer, objects: int) -> None:
    async with asyncio.timeout(900):
        while sum("status" in o for o in server.objects[KIND].values()) < objects:  # noqa: ASYNC110
            await asyncio.sleep(0.5)


def _own_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("objects", nargs="?", type=int, default=5000)
    parser.add_argument("--status", action="store_true")
    arguments = parser.parse_args()
    asyncio.run(main(arguments.objects, arguments.status))
