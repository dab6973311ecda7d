"""Streams are created once and only ever strengthened, on a real nats-server."""

import asyncio
import contextlib

from tenantry_common import bus, config, streams
from tenantry_common.testing import ready_bus, settings
from tenantry_local.nats_server import NatsServer


async def test_ensure_creates_once_and_only_strengthens(fresh_nats_server: NatsServer) -> None:
    server = fresh_nats_server
    async with ready_bus(server.url) as connection:
        await connection.js.update_stream(
            config=(await connection.js.stream_info("SAMPLES")).config.evolve(max_bytes=5 << 30)
        )
        await streams.ensure(connection, settings(server.url))
        stronger = (await connection.js.stream_info("SAMPLES")).config.max_bytes
        wanted = config.Nats(servers=(server.url,), samples_max_bytes=6 << 30)
        await streams.ensure(connection, wanted)

        assert (stronger, (await connection.js.stream_info("SAMPLES")).config.max_bytes) == (
            5 << 30,
            6 << 30,
        )


async def test_a_stream_of_an_earlier_version_takes_more_lanes_than_the_server_permits_by_itself(
    fresh_nats_server: NatsServer,
) -> None:
    async with ready_bus(fresh_nats_server.url) as connection:
        made = (await connection.js.stream_info("SAMPLES")).config
        await connection.js.update_stream(config=made.evolve(max_consumers=-1))

        await streams.ensure(connection, settings(fresh_nats_server.url))

        for lane in range(1001):
            await connection.js.add_consumer("SAMPLES", durable_name=f"lane-{lane}")


async def test_several_services_may_create_at_once(fresh_nats_server: NatsServer) -> None:
    server = fresh_nats_server
    async with contextlib.AsyncExitStack() as stack:
        connections = [
            await stack.enter_async_context(bus.connect(settings(server.url), f"s{n}"))
            for n in range(5)
        ]
        async with asyncio.TaskGroup() as group:
            for connection in connections:
                group.create_task(streams.ensure(connection, settings(server.url)))

        assert {s.config.name for s in await connections[0].js.streams_info()} == {
            s.name for s in streams.definitions(config.Nats())
        }
