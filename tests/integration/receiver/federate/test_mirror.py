"""The mirror has what stream LATEST holds, through restarts of NATS and of the stream itself."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncIterator, Callable

from receiver.federate.mirror import Mirror
from receiver.federate.testing import block, metric
from tenantry_common import bus, streams, subjects, testing
from tenantry_common.subjects import JobRef
from tenantry_local.nats_server import NatsServer
from tenantry_local.testing import Factory

JOB = JobRef("team", "edge")


@contextlib.asynccontextmanager
async def running(connection: bus.Bus) -> AsyncIterator[Mirror]:
    mirror = Mirror(connection)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(mirror.run())
        try:
            yield mirror
        finally:
            task.cancel()


async def push(connection: bus.Bus, cluster: str, value: float, part: str = "") -> None:
    data = block((metric("up", _id=cluster), value, 5))
    await connection.js.publish(subjects.latest(JOB, cluster, part), data)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - nothing announces a message
            await asyncio.sleep(0.02)


def values(mirror: Mirror) -> list[float]:
    return sorted(
        struct.unpack("<d", row.value)[0]
        for source in mirror.newest.sources
        for row in mirror.newest.rows_of(source)[0]
    )


async def test_an_empty_stream_is_complete(fresh_nats_server: NatsServer) -> None:
    async with (
        testing.ready_bus(fresh_nats_server.url) as connection,
        running(connection) as mirror,
    ):
        await asyncio.wait_for(mirror.complete(), 20)

        assert len(mirror.newest) == 0


async def test_what_was_there_is_read_before_it_is_complete(
    fresh_nats_server: NatsServer,
) -> None:
    async with testing.ready_bus(fresh_nats_server.url) as connection:
        for number in range(700):
            await push(connection, f"cluster {number}", 1.0)
        async with running(connection) as mirror:
            await asyncio.wait_for(mirror.complete(), 20)

            assert len(mirror.newest) == 700


async def test_what_comes_later_is_followed(fresh_nats_server: NatsServer) -> None:
    async with (
        testing.ready_bus(fresh_nats_server.url) as connection,
        running(connection) as mirror,
    ):
        await asyncio.wait_for(mirror.complete(), 20)
        await push(connection, "a", 1.0)
        await push(connection, "b", 2.0, part="1")
        await push(connection, "a", 3.0)

        await until(lambda: values(mirror) == [2.0, 3.0])


async def test_a_message_that_cannot_be_read_holds_up_nothing(
    fresh_nats_server: NatsServer,
) -> None:
    async with (
        testing.ready_bus(fresh_nats_server.url) as connection,
        running(connection) as mirror,
    ):
        await connection.js.publish(subjects.latest(JOB, "a"), b"\xff\xff\xff\xff\xff")
        await connection.js.publish("latest.nonsense", b"")
        await push(connection, "b", 1.0)

        await until(lambda: len(mirror.newest) == 1)
        assert mirror.refused == 2


async def test_a_restart_of_nats_is_survived_without_a_gap(
    nats_server_factory: Factory[NatsServer],
) -> None:
    server = await nats_server_factory()
    async with testing.ready_bus(server.url) as connection, running(connection) as mirror:
        await push(connection, "a", 1.0)
        await until(lambda: len(mirror.newest) == 1)

        await server.kill()
        await asyncio.sleep(0.5)
        assert len(mirror.newest) == 1
        await server.start()
        async with testing.ready_bus(server.url) as other:
            await push(other, "b", 1.0)

        await until(lambda: len(mirror.newest) == 2)


async def test_a_stream_that_was_created_anew_is_read_anew(
    fresh_nats_server: NatsServer,
) -> None:
    url = fresh_nats_server.url
    async with testing.ready_bus(url) as connection, running(connection) as mirror:
        for number in range(5):
            await push(connection, f"old {number}", 1.0)
        await until(lambda: len(mirror.newest) == 5)

        await connection.js.delete_stream(subjects.LATEST)
        await streams.ensure(connection, testing.settings(url))
        await push(connection, "new", 1.0)

        await until(lambda: len(mirror.newest) == 1)
