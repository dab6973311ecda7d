"""A bucket holds what the leader wants, whoever leads and whatever happened meanwhile."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from tenantry_common import bus, kv, leases
from tenantry_common.publication import Publication
from tenantry_common.testing import ready_bus
from tenantry_local.nats_server import NatsServer
from tenantry_local.testing import Factory

BUCKET = "backends"


@contextlib.asynccontextmanager
async def running(publication: Publication) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(publication.run())
        yield
        task.cancel()


async def holds(publication: Publication, expected: dict[str, bytes]) -> None:
    async with asyncio.timeout(10):
        while publication.view.version == 0 or dict(publication.view.raw) != expected:
            await publication.view.newer(publication.view.version)


async def messages(opened: bus.Bus) -> int:
    return (await opened.js.stream_info(f"KV_{BUCKET}")).state.last_seq


async def test_the_bucket_becomes_what_is_wanted_and_nothing_is_written_twice(
    fresh_nats_server: NatsServer,
) -> None:
    async with ready_bus(fresh_nats_server.url) as opened:
        lease = leases.Lease(opened, "leader.x", "a")
        assert await lease.renew()
        await kv.put(opened, BUCKET, "without-source", b"0")
        written: list[str] = []
        first = Publication(opened, BUCKET, lease, on_write=written.append)
        async with running(first):
            first.offer({"a": b"1", "b": b"1"})
            await holds(first, {"a": b"1", "b": b"1"})
            first.offer({"a": b"1", "b": b"2"})
            await holds(first, {"a": b"1", "b": b"2"})
        before = await messages(opened)

        restarted = Publication(opened, BUCKET, lease, on_write=written.append)
        async with running(restarted):
            restarted.offer({"a": b"1", "b": b"2"})
            await holds(restarted, {"a": b"1", "b": b"2"})
            restarted.offer({"a": b"1", "b": b"2", "c": b"3"})
            await holds(restarted, {"a": b"1", "b": b"2", "c": b"3"})

        assert (await messages(opened) - before, written) == (
            1,
            ["delete", "put", "put", "put", "put"],
        )


async def test_an_incomplete_wish_deletes_nothing(fresh_nats_server: NatsServer) -> None:
    async with ready_bus(fresh_nats_server.url) as opened:
        lease = leases.Lease(opened, "leader.x", "a")
        assert await lease.renew()
        await kv.put(opened, BUCKET, "known", b"0")
        publication = Publication(opened, BUCKET, lease)
        async with running(publication):
            publication.offer({"a": b"1"}, only_add=True)
            await holds(publication, {"known": b"0", "a": b"1"})
            publication.offer({"a": b"1"})
            await holds(publication, {"a": b"1"})


async def test_only_the_leader_writes_and_the_next_one_takes_over(
    fresh_nats_server: NatsServer,
) -> None:
    async with ready_bus(fresh_nats_server.url) as opened:
        leading = leases.Lease(opened, "leader.x", "a")
        standing_by = leases.Lease(opened, "leader.x", "b")
        assert (await leading.renew(), await standing_by.renew()) == (True, False)
        leader = Publication(opened, BUCKET, leading)
        standby = Publication(opened, BUCKET, standing_by)
        async with running(leader), running(standby):
            standby.offer({"a": b"2"})
            leader.offer({"a": b"1"})
            await holds(standby, {"a": b"1"})

            await leading.release()
            assert await standing_by.renew()
            standby.wake()

            await holds(leader, {"a": b"2"})


async def test_what_a_deposed_leader_wrote_is_put_right(fresh_nats_server: NatsServer) -> None:
    async with ready_bus(fresh_nats_server.url) as opened:
        lease = leases.Lease(opened, "leader.x", "a")
        assert await lease.renew()
        publication = Publication(opened, BUCKET, lease)
        async with running(publication):
            publication.offer({"a": b"new"})
            await holds(publication, {"a": b"new"})

            before = await messages(opened)
            await kv.put(opened, BUCKET, "a", b"old")
            await kv.put(opened, BUCKET, "gone", b"old")

            async with asyncio.timeout(10):
                while await messages(opened) < before + 4:
                    await publication.view.newer(publication.view.version)
            await holds(publication, {"a": b"new"})


async def test_a_wish_made_while_nats_is_away_is_fulfilled_when_it_is_back(
    nats_server_factory: Factory[NatsServer],
) -> None:
    server = await nats_server_factory()
    async with ready_bus(server.url) as opened:
        lease = leases.Lease(opened, "leader.x", "a")
        assert await lease.renew()
        publication = Publication(opened, BUCKET, lease)
        async with running(publication):
            publication.offer({"a": b"1"})
            await holds(publication, {"a": b"1"})
            await server.kill()
            publication.offer({"b": b"2"})
            await server.start()
            await asyncio.wait_for(_renewed(lease), 10)
            publication.wake()

            await holds(publication, {"b": b"2"})


async def _renewed(lease: leases.Lease) -> None:
    while not await lease.renew():
        pass
