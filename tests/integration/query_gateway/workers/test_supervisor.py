"""Several worker processes on one port, started, kept and looked at as one."""

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio
from tests.integration.query_gateway.estate import Estate, succeeded

from query_gateway.testing import FakePrometheus
from tenantry_local.ports import LOOPBACK
from tenantry_local.process import Process
from tenantry_local.readiness import http_ok

pytestmark = pytest.mark.timeout(300)  # three processes start, on whatever cores there are

WORKERS = 2
QUERY = {"query": "up"}


async def until(expected: Callable[[], Awaitable[bool]], seconds: float = 120) -> None:
    async with asyncio.timeout(seconds):
        while not await expected():  # noqa: ASYNC110 - a process announces nothing
            await asyncio.sleep(0.05)


def children(pid: int | None) -> list[int]:
    """Return the processes that `pid` has started and that run."""
    found = []
    for name in os.listdir("/proc"):
        with contextlib.suppress(OSError, ValueError):
            with open(f"/proc/{int(name)}/stat") as file:
                fields = file.read().rpartition(")")[2].split()
            if int(fields[1]) == pid and fields[0] != "Z":
                found.append(int(name))
    return found


@pytest_asyncio.fixture
async def backend() -> AsyncIterator[FakePrometheus]:
    fake = FakePrometheus()
    async with fake.server:
        yield fake


@pytest_asyncio.fixture
async def gateway(estate: Estate, backend: FakePrometheus) -> AsyncIterator[Process]:
    await estate.grant("shop", '{namespace="shop"}')
    await estate.publish_urls(backend.backend().url)
    process = estate.gateway(workers=WORKERS)
    await process.start(timeout=120)
    try:
        yield process
    finally:
        if process.running:
            await process.kill()


async def test_workers_answer_and_are_looked_at_as_one(estate: Estate, gateway: Process) -> None:
    for _ in range(20):  # each over a connection of its own, which the kernel gives to some worker
        assert succeeded(await estate.ask("query", "shop", **QUERY))

    metrics = str((await estate.page("/metrics")).body)
    for worker in range(WORKERS):
        assert f'tenantry_query_gateway_policies{{worker="{worker}"}} 1.0' in metrics
    answered = [
        float(line.rpartition(" ")[2])
        for line in metrics.splitlines()
        if line.startswith("tenantry_query_gateway_requests_total") and 'status="200"' in line
    ]
    assert sum(answered) == 20
    assert (await estate.page("/health")).body["tenants"] == 1
    assert (await estate.page("/debug/targets")).body["targets"][0]["healthy"]
    assert len(children(gateway.pid)) == WORKERS

    assert await gateway.terminate(grace=60) == 0
    assert not await http_ok(f"{estate.url}/")()


async def test_a_worker_that_dies_is_replaced(estate: Estate, gateway: Process) -> None:
    victim = children(gateway.pid)[0]
    os.kill(victim, signal.SIGKILL)

    async def replaced() -> bool:
        now = children(gateway.pid)
        ready = (await estate.page("/readyz")).status == 200
        return victim not in now and len(now) == WORKERS and ready

    await until(replaced)
    metrics = str((await estate.page("/metrics")).body)
    assert "tenantry_query_gateway_worker_restarts_total 1.0" in metrics
    assert await gateway.terminate(grace=60) == 0


async def test_workers_do_not_outlive_us(estate: Estate, gateway: Process) -> None:
    workers = children(gateway.pid)
    await gateway.kill()

    async def gone() -> bool:
        return not any(os.path.exists(f"/proc/{pid}") for pid in workers)

    await until(gone)


@pytest.mark.parametrize("number", [0, 10_000])
async def test_a_number_that_makes_no_sense_is_told(estate: Estate, number: int) -> None:
    process = estate.gateway(workers=number)
    process.spawn()

    assert await asyncio.wait_for(process.wait(), 120) == 2
    assert "workers must be" in process.last_lines()


async def test_a_configuration_that_no_worker_can_use_ends_it(estate: Estate) -> None:
    tls = {"cert_file": "/nowhere/tls.crt", "key_file": "/nowhere/tls.key"}
    process = estate.gateway(
        workers=WORKERS, listen={"host": LOOPBACK, "port": estate.port, "tls": tls}
    )
    process.spawn()

    assert await asyncio.wait_for(process.wait(), 120) == 2
    assert "/nowhere/tls.crt" in process.last_lines(100)


async def test_a_port_that_is_taken_is_told(estate: Estate) -> None:
    with socket.create_server((LOOPBACK, estate.port)):
        process = estate.gateway(workers=WORKERS)
        process.spawn()

        assert await asyncio.wait_for(process.wait(), 120) == 2
        assert "is taken by another process" in process.last_lines()
