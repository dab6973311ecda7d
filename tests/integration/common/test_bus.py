"""The connection to a real nats-server: patience at start, errors translated."""

import asyncio

import nats.js.errors
import pytest

from tenantry_common import batches, bus, errors
from tenantry_common.testing import settings
from tenantry_local.nats_server import NatsServer
from tenantry_local.testing import Factory


async def test_connecting_waits_for_nats_and_says_so(
    nats_server_factory: Factory[NatsServer], caplog: pytest.LogCaptureFixture
) -> None:
    server = await nats_server_factory()
    await server.kill()
    states: list[tuple[bool, str]] = []
    waiting = asyncio.Event()

    def on_state(up: bool, reason: str) -> None:
        states.append((up, reason))
        waiting.set()

    async with asyncio.TaskGroup() as group:

        async def connect_once() -> None:
            async with bus.connect(settings(server.url), "test", on_state):
                pass

        group.create_task(connect_once())
        await asyncio.wait_for(waiting.wait(), 5)
        await server.start()

    assert states == [(False, "waiting for NATS"), (True, "")]
    assert caplog.messages == ["nats is not reachable, waiting for it"]


async def test_a_server_without_the_stream_is_a_bus_error(fresh_nats_server: NatsServer) -> None:
    async with bus.connect(settings(fresh_nats_server.url), "test") as connection:
        with pytest.raises(errors.BusUnavailable) as raised:
            await batches.append(connection, "samples.t.j.s", b"1", {})

        assert isinstance(raised.value.__cause__, nats.js.errors.NoStreamResponseError)
