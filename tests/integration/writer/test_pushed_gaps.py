"""Pushed batches that a real stream forgot before an endpoint came back are told, and nothing waits."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from prometheus_client import CollectorRegistry

from tenantry_common import batches, bus, kv, snappy_block, subjects, tasks
from tenantry_common.contracts import Endpoint
from tenantry_common.subjects import JobRef, ShardRef
from writer import deliver, outcome, testing
from writer.assign import Lane
from writer.backfills import Backfills
from writer.deliver_loop import Cursor, DeliverLoop
from writer.metrics import Metrics
from writer.tally import Tally

SHARD = ShardRef(JobRef("t", "fleet"), "push-3")
LANE = Lane(shard=SHARD, endpoint=Endpoint(id="0", kind="prometheus", url="http://p"), pushed=True)
PATIENCE = deliver.Patience(first=0.01, limit=0.05, after_limit=1.0, fault=0.05, poison_tries=3)
STEP = 10_000


class Push:
    """Two receivers that publish on one subject; each names its own last batch."""

    def __init__(self, connection: bus.Bus) -> None:
        self._bus = connection
        self.last: dict[str, int] = {}

    async def __call__(self, receiver: str, number: int) -> int:
        request = testing.series({"__name__": "m"}, (number * STEP, number))
        headers = testing.headers(request, number * STEP - 1, number * STEP)
        headers[subjects.HEADER_AFTER] = str(self.last.get(receiver, 0))
        stored = await batches.append(
            self._bus, subjects.samples(SHARD), snappy_block.compress(request), headers
        )
        self.last[receiver] = stored
        return stored


async def forget(connection: bus.Bus, *sequences: int) -> None:
    """Let messages go as a stream's limits do; a purge would move the cursors too."""
    for sequence in sequences:
        await connection.js.delete_msg(subjects.SAMPLES, sequence)


class Endpointed:
    """A writer's lane at an endpoint that can be away."""

    def __init__(self, connection: bus.Bus) -> None:
        self.taken: list[bytes] = []
        self.back = asyncio.Event()
        self.refused = asyncio.Event()
        metrics = Metrics(CollectorRegistry())
        self.loop = DeliverLoop(
            connection,
            LANE,
            self._post,
            patience=PATIENCE,
            cursor=Cursor(ack_wait=3.0, idle=600.0, stuck=0.0),
            tally=Tally(LANE, metrics),
            metrics=metrics,
            backfills=Backfills(dict),
        )

    async def _post(self, block: bytes) -> outcome.Outcome:
        if not self.back.is_set():
            self.refused.set()
            return outcome.Retry("away")
        self.taken.append(block)
        return outcome.Delivered()

    async def has(self, count: int) -> None:
        async with asyncio.timeout(15):
            while len(self.taken) < count:  # noqa: ASYNC110 - nothing announces it
                await asyncio.sleep(0.02)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            task = tasks.spawn(group, "lane", self.loop.run())
            yield
            await tasks.cancel(task)


@pytest.fixture
def push(connection: bus.Bus) -> Push:
    return Push(connection)


async def test_batches_of_several_receivers_are_delivered_without_a_gap(
    connection: bus.Bus, push: Push
) -> None:
    lane = Endpointed(connection)
    lane.back.set()
    async with lane.running():
        for number in range(1, 9):
            await push("a" if number % 3 else "b", number)
        await lane.has(8)

    assert lane.loop.tally.progress.missed_ms == 0
    assert lane.loop.tally.progress.last_error == ""


async def test_what_left_the_stream_is_told_and_nothing_waits(
    connection: bus.Bus, push: Push
) -> None:
    lane = Endpointed(connection)
    lane.back.set()
    async with lane.running():
        await push("a", 1)
        await lane.has(1)
        lane.back.clear()
        await push("a", 2)
        await lane.refused.wait()  # in hand, so it is delivered later
        gone = [await push("a", number) for number in (3, 4)]
        await forget(connection, *gone)
        await push("a", 5)
        lane.back.set()
        await lane.has(3)
        await push("b", 6)
        await lane.has(4)

    progress = lane.loop.tally.progress
    assert progress.missed_ms == 3 * STEP - 1
    assert "left the stream" in progress.last_error
    assert await kv.contents(connection, subjects.BACKFILLS) == {}


async def test_another_writer_tells_it_too(connection: bus.Bus, push: Push) -> None:
    first, second = Endpointed(connection), Endpointed(connection)
    first.back.set()
    second.back.set()
    async with first.running():
        await push("a", 1)
        await first.has(1)
    gone = await push("a", 2)
    await forget(connection, gone)
    await push("a", 3)
    async with second.running():
        await second.has(1)

    assert "left the stream" in second.loop.tally.progress.last_error


async def test_a_new_endpoint_misses_nothing(connection: bus.Bus, push: Push) -> None:
    gone = await push("a", 1)
    await forget(connection, gone)
    await push("a", 2)
    lane = Endpointed(connection)
    lane.back.set()
    async with lane.running():
        await lane.has(1)

    assert lane.loop.tally.progress.last_error == ""
