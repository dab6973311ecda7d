"""pytest fixtures that run real servers; the root conftest loads them as a plugin.

Servers come from this machine (`make servers` installs what is missing), or from containers with
`TENANTRY_TEST_SERVERS=docker`. A missing server fails the test with the command that installs it.
Servers of a test end with it, by SIGKILL: their data is thrown away, so an orderly end buys nothing.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any, Protocol

import pytest
import pytest_asyncio

from tenantry_local.nats_server import NatsCluster, NatsServer
from tenantry_local.process import Process
from tenantry_local.prometheus import Prometheus
from tenantry_local.pushgateway import Pushgateway
from tenantry_local.redis_server import RedisServer
from tenantry_local.server import Launch, Server, native
from tenantry_local.victoria_metrics import VictoriaMetrics


class Factory[S](Protocol):
    """Start one more server of the test's own, described by the class's keyword arguments."""

    async def __call__(self, **arguments: Any) -> S: ...


class StartServer(Protocol):
    """Start a server of any kind for one test."""

    async def __call__[S: Server](self, kind: Callable[..., S], **arguments: Any) -> S: ...


@pytest.fixture(scope="session")
def launch_server() -> Launch:
    """How servers are run: as child processes, or in containers."""
    match os.environ.get("TENANTRY_TEST_SERVERS", "local"):
        case "local":
            return native
        case "docker":
            from tenantry_local import containers  # needs testcontainers, a tool of developers

            return containers.launch
        case other:
            raise pytest.UsageError(f"TENANTRY_TEST_SERVERS={other}: say 'local' or 'docker'")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def nats_server(
    tmp_path_factory: pytest.TempPathFactory, launch_server: Launch
) -> AsyncIterator[NatsServer]:
    """One nats-server that tests share: they choose names of their own and leave it running."""
    server = NatsServer(tmp_path_factory.mktemp("nats"), launch=launch_server)
    await server.start()
    yield server
    await server.kill()


@pytest.fixture(scope="session")
def nats_url(nats_server: NatsServer) -> str:
    """Where clients connect to the shared nats-server."""
    return nats_server.url


@pytest_asyncio.fixture
async def start_server(
    tmp_path_factory: pytest.TempPathFactory, launch_server: Launch
) -> AsyncIterator[StartServer]:
    """Start servers that end with the test; the factories below are this with the kind filled in."""
    async with AsyncExitStack() as running:

        async def start[S: Server](kind: Callable[..., S], **arguments: Any) -> S:
            directory = tmp_path_factory.mktemp("server")
            server = kind(directory, **{"launch": launch_server, **arguments})
            await server.start()
            running.push_async_callback(server.kill)
            return server

        yield start


@pytest_asyncio.fixture
async def killed_at_end() -> AsyncIterator[Callable[[Process], None]]:
    """Take note of processes that the test starts itself; those that still run at its end are killed."""
    noted: list[Process] = []
    yield noted.append
    for process in noted:
        if process.running:
            await process.kill()


async def logged(process: Process, text: str, seconds: float = 10) -> None:
    """Wait until the last lines of the process' log hold `text`."""
    async with asyncio.timeout(seconds):
        while text not in process.last_lines():  # noqa: ASYNC110 - nothing announces a line
            await asyncio.sleep(0.05)


@pytest.fixture
def nats_server_factory(start_server: StartServer) -> Factory[NatsServer]:
    """Start nats-servers without any stream, which the test may kill and restart."""
    return _of_kind(start_server, NatsServer)


@pytest_asyncio.fixture
async def fresh_nats_server(start_server: StartServer) -> NatsServer:
    """One such nats-server, started."""
    return await start_server(NatsServer)


@pytest_asyncio.fixture
async def nats_cluster(
    tmp_path_factory: pytest.TempPathFactory, launch_server: Launch
) -> AsyncIterator[NatsCluster]:
    """Three nats-servers that replicate their streams, started."""
    cluster = NatsCluster(tmp_path_factory.mktemp("nats-cluster"), launch=launch_server)
    try:
        await cluster.start()
        yield cluster
    finally:
        await cluster.terminate()


@pytest.fixture
def prometheus_factory(start_server: StartServer) -> Factory[Prometheus]:
    """Start Prometheus servers."""
    return _of_kind(start_server, Prometheus)


@pytest.fixture
def pushgateway_factory(start_server: StartServer) -> Factory[Pushgateway]:
    """Start Pushgateways."""
    return _of_kind(start_server, Pushgateway)


@pytest.fixture
def redis_factory(start_server: StartServer) -> Factory[RedisServer]:
    """Start Redis servers."""
    return _of_kind(start_server, RedisServer)


@pytest.fixture
def victoria_metrics_factory(start_server: StartServer) -> Factory[VictoriaMetrics]:
    """Start VictoriaMetrics servers."""
    return _of_kind(start_server, VictoriaMetrics)


def _of_kind[S: Server](start_server: StartServer, kind: Callable[..., S]) -> Factory[S]:
    async def start(**arguments: Any) -> S:
        return await start_server(kind, **arguments)

    return start
