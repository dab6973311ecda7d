"""A real Prometheus with data, and the gateway as a process in front of it."""

import contextlib
import struct
import sys
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from tests.integration.query_gateway.estate import Estate

from query_gateway.identity.testing import Issuer
from tenantry_common import protowire, remote_write, snappy_block, testing
from tenantry_local import readiness
from tenantry_local.nats_server import NatsServer
from tenantry_local.ports import LOOPBACK, free_port
from tenantry_local.process import Process
from tenantry_local.prometheus import REMOTE_WRITE_HEADERS, Prometheus

TENANT = "shop"
_STEP = 60
_SAMPLES = 59  # within an hour: Prometheus takes nothing older than that behind what it has
_LARGE = 2000
"""Series of the metric `large`."""
_SMALL = 40
_AT_ONCE = 200


@dataclass(frozen=True, kw_only=True)
class Running:
    """What the benchmark asks."""

    prometheus: Prometheus
    gateway: Estate
    pid: int
    """Of the gateway."""
    plain_port: int
    """Of the yardstick, see `plain`."""
    plain_pid: int
    token: str
    """Of somebody who holds the one tenant."""
    end: int
    """Seconds since the epoch of the newest sample."""

    @property
    def start(self) -> int:
        """Seconds since the epoch of the oldest sample."""
        return self.end - (_SAMPLES - 1) * _STEP


def _series(end: int) -> Iterator[bytes]:
    for namespace in (TENANT, "bank"):
        for number in range(_SMALL):
            labels = {
                "__name__": "http_requests_total",
                "code": str(200 + number % 4),
                "instance": f"10.0.0.{number}:8080",
                "job": "api" if number < 10 else "web",
                "namespace": namespace,
            }
            yield _encoded(labels, end)
    for number in range(_LARGE):
        yield _encoded({"__name__": "large", "namespace": TENANT, "number": f"{number:04}"}, end)


def _encoded(labels: dict[str, str], end: int) -> bytes:
    samples = b""
    for index in range(_SAMPLES):
        stamp = (end - (_SAMPLES - 1 - index) * _STEP) * 1000
        sample = protowire.tag(1, 1) + struct.pack("<d", 1_000_000.125 + index)
        sample += protowire.tag(2, protowire.VARINT) + protowire.varint(stamp)
        samples += protowire.delimited(remote_write.SAMPLE, sample)
    return remote_write.time_series(remote_write.encode_labels(labels), samples)


async def _load(server: Prometheus, end: int) -> None:
    every = list(_series(end))
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        for first in range(0, len(every), _AT_ONCE):
            block = snappy_block.compress(b"".join(every[first : first + _AT_ONCE]))
            await session.post(server.remote_write_url, data=block, headers=REMOTE_WRITE_HEADERS)


@contextlib.asynccontextmanager
async def running(directory: Path) -> AsyncIterator[Running]:
    """Run everything while the context lasts."""
    async with contextlib.AsyncExitStack() as stack:
        nats = NatsServer(directory)
        await nats.start()
        stack.push_async_callback(nats.kill)
        prometheus = Prometheus(directory)
        await prometheus.start()
        stack.push_async_callback(prometheus.kill)
        end = int(time.time())
        await _load(prometheus, end)
        issuer = Issuer()
        issuer.rotate("bench")
        keys = directory / "keys.json"
        keys.write_bytes(issuer.document)
        connection = await stack.enter_async_context(testing.ready_bus(nats.url))
        estate = Estate(directory, nats, connection)
        await estate.grant(TENANT, f'{{namespace="{TENANT}"}}')
        await estate.publish(prometheus)
        gateway = estate.gateway(
            auth={
                "modes": ["jwt", "trusted-header"],
                "trusted_header": {"networks": ["127.0.0.0/8"]},
                "jwt": {
                    "issuers": [
                        {"issuer": issuer.url, "audiences": ["tenantry"], "jwks_file": str(keys)}
                    ]
                },
            },
            # More than is asked here: the limits are looked at, and not reached.
            limits={"requests_per_second": 1e6, "burst": 1e6, "concurrent_per_tenant": 200},
        )
        await gateway.start()
        stack.push_async_callback(gateway.terminate)
        assert gateway.pid is not None
        port = free_port()
        plain = Process(
            "plain",
            [sys.executable, "-m", "tests.bench.gateway.plain", str(port), prometheus.url],
            log=directory / "plain.log",
            ports=(port,),
            ready=readiness.tcp_open(LOOPBACK, port),
        )
        await plain.start()
        stack.push_async_callback(plain.kill)
        assert plain.pid is not None
        yield Running(
            prometheus=prometheus,
            gateway=estate,
            pid=gateway.pid,
            plain_port=port,
            plain_pid=plain.pid,
            token=issuer.token(),
            end=end,
        )
