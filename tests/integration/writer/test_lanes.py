"""Loops start and stop with the assignment, on a real nats-server."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import msgspec
from prometheus_client import CollectorRegistry

from tenantry_common import batches, bus, subjects, tasks
from tenantry_common.contracts import Endpoint
from tenantry_common.subjects import JobRef, ShardRef
from writer import deliver, outcome, testing
from writer.assign import Assignment, Lane
from writer.backfills import Backfills
from writer.deliver_loop import Cursor, DeliverLoop
from writer.lanes import Lanes
from writer.metrics import Metrics
from writer.tally import Tally

SHARD = ShardRef(JobRef("t", "j"), "s")
ENDPOINT = Endpoint(id="0", kind="prometheus", url="http://old")
LANE = Lane(shard=SHARD, endpoint=ENDPOINT)
BATCH = testing.series({"__name__": "m"}, (1, 1))
PATIENCE = deliver.Patience(first=60, limit=60, after_limit=60, fault=60, poison_tries=3)


def assignment(*lanes: Lane, known: Endpoint = ENDPOINT) -> Assignment:
    return Assignment(lanes=frozenset(lanes), endpoints={(SHARD.job, known.id): known})


class Scene:
    """Lanes whose endpoints refuse everything at first, and then wait for a minute."""

    def __init__(self, connection: bus.Bus) -> None:
        self.lanes = Lanes(self._make)
        self.posts: list[str] = []
        self.posted = asyncio.Event()
        self._bus = connection

    def _make(self, lane: Lane) -> DeliverLoop:
        async def post(_: bytes) -> outcome.Outcome:
            self.posts.append(lane.endpoint.url)
            self.posted.set()
            return outcome.Retry("503")

        metrics = Metrics(CollectorRegistry())
        return DeliverLoop(
            self._bus,
            lane,
            post,
            patience=PATIENCE,
            cursor=Cursor(ack_wait=600.0, idle=3600.0),
            tally=Tally(lane, metrics),
            metrics=metrics,
            backfills=Backfills(dict),
        )

    async def next_post(self) -> str:
        await asyncio.wait_for(self.posted.wait(), 5)
        self.posted.clear()
        return self.posts[-1]


@contextlib.asynccontextmanager
async def scene(connection: bus.Bus) -> AsyncIterator[Scene]:
    await testing.publish(connection, SHARD, [BATCH])
    found = Scene(connection)
    async with asyncio.TaskGroup() as group:
        tasks.spawn(group, "lanes", found.lanes.run())
        await asyncio.sleep(0)
        yield found
        await found.lanes.drain()


async def pull(connection: bus.Bus) -> batches.Delivery | None:
    """Ask as another instance would."""
    other = await batches.OrderedPull.open(
        connection,
        name=LANE.consumer,
        subject=subjects.samples(SHARD),
        ack_wait=600,
        idle=3600,
    )
    return await other.next(5)


async def test_a_lane_that_moved_away_gives_its_batch_back(connection: bus.Bus) -> None:
    async with scene(connection) as found:
        found.lanes.apply(assignment(LANE))
        await found.next_post()
        assert [tally.lane for tally in found.lanes.tallies] == [LANE]

        found.lanes.apply(assignment())

        assert list(found.lanes.tallies) == []
        assert await pull(connection) is not None


async def test_a_lane_whose_job_is_gone_stops_and_gives_its_batch_back(
    connection: bus.Bus,
) -> None:
    async with scene(connection) as found:
        found.lanes.apply(assignment(LANE))
        await found.next_post()

        found.lanes.apply(Assignment())

        assert await pull(connection) is not None
        assert found.posts == ["http://old"]


async def test_a_lane_with_another_target_replaces_the_old_one(connection: bus.Bus) -> None:
    moved = msgspec.structs.replace(ENDPOINT, url="http://new")
    async with scene(connection) as found:
        found.lanes.apply(assignment(LANE))
        await found.next_post()

        found.lanes.apply(assignment(Lane(shard=SHARD, endpoint=moved), known=moved))

        assert await found.next_post() == "http://new"
        assert found.posts == ["http://old", "http://new"]


async def test_a_lane_that_comes_back_while_it_ends_starts_again(connection: bus.Bus) -> None:
    async with scene(connection) as found:
        found.lanes.apply(assignment(LANE))
        await found.next_post()
        found.lanes.apply(assignment())
        found.lanes.apply(assignment(LANE))
        assert list(found.lanes.tallies) == []

        async with asyncio.timeout(5):
            while not found.lanes.tallies:
                await asyncio.sleep(0.01)  # as the look at the stream, every few seconds
                found.lanes.apply(assignment(LANE))

        assert await found.next_post() == "http://old"
