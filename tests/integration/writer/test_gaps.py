"""An endpoint that is away for longer than a real stream remembers."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping

import pytest
from prometheus_client import CollectorRegistry

from tenantry_common import batches, bus, contracts, kv, snappy_block, subjects, tasks
from tenantry_common.contracts import Backfill, Endpoint
from tenantry_common.subjects import JobRef, ShardRef
from tenantry_common.testing import mirror, until
from writer import deliver, outcome, testing
from writer.assign import Lane
from writer.backfills import Backfills
from writer.deliver_loop import Cursor, DeliverLoop
from writer.metrics import Metrics
from writer.tally import Tally

SHARD = ShardRef(JobRef("t", "j"), "s")
LANE = Lane(shard=SHARD, endpoint=Endpoint(id="0", kind="prometheus", url="http://p"))
PATIENCE = deliver.Patience(first=0.01, limit=0.05, after_limit=1.0, fault=0.05, poison_tries=3)
STEP = 10_000
NOW_MS = 1000
OPEN = subjects.backfill_key(SHARD, "0", 0)


def batch(window: int, part: int = 1) -> bytes:
    labels = {"__name__": "m", "part": str(part)}
    return testing.series(labels, (window * STEP, window))


class Stream:
    """Windows of a shard as a collector publishes them."""

    def __init__(self, connection: bus.Bus) -> None:
        self._bus = connection
        self.last: dict[int, int] = {}
        """Sequence of the last part, by window."""

    async def publish(self, *windows: int, parts: int = 1) -> None:
        for window in windows:
            after = self.last.get(window - 1, 0)
            sequence = after
            for part in range(1, parts + 1):
                request = batch(window, part)
                headers = testing.headers(request, (window - 1) * STEP, window * STEP)
                headers[subjects.HEADER_AFTER] = str(after)
                headers[subjects.HEADER_PART] = f"{part}/{parts}"
                sequence = await batches.publish(
                    self._bus,
                    subjects.samples(SHARD),
                    snappy_block.compress(request),
                    headers,
                    after=sequence,
                )
            self.last[window] = sequence

    async def forget(self, through: int) -> None:
        """Let all messages up to this sequence age out."""
        await self._bus.js.purge_stream(subjects.SAMPLES, seq=through + 1)


class Writer:
    """A loop at an endpoint that is away until `back` is set."""

    def __init__(
        self, connection: bus.Bus, notes: kv.KvView[Backfill], *, stuck: float, patience: float
    ) -> None:
        self.back = asyncio.Event()
        self.refused = asyncio.Event()
        self.taken: list[bytes] = []
        self._took = asyncio.Condition()
        metrics = Metrics(CollectorRegistry())
        self.loop = DeliverLoop(
            connection,
            LANE,
            self._post,
            patience=PATIENCE,
            cursor=Cursor(ack_wait=0.6, idle=3600.0, stuck=stuck, patience=patience),
            tally=Tally(LANE, metrics),
            metrics=metrics,
            backfills=Backfills(lambda: notes.snapshot),
            now=lambda: NOW_MS / 1000,
        )

    async def _post(self, block: bytes) -> outcome.Outcome:
        if not self.back.is_set():
            self.refused.set()
            return outcome.Retry("away")
        self.taken.append(snappy_block.decompress(block, limit=1000))
        async with self._took:
            self._took.notify_all()
        return outcome.Delivered()

    async def took(self, *requests: bytes) -> None:
        async with asyncio.timeout(10), self._took:
            await self._took.wait_for(lambda: self.taken == list(requests))


@contextlib.asynccontextmanager
async def running(
    connection: bus.Bus,
    notes: kv.KvView[Backfill],
    *,
    back: bool,
    stuck: float = 0.1,
    patience: float = 60.0,
) -> AsyncIterator[Writer]:
    writer = Writer(connection, notes, stuck=stuck, patience=patience)
    if back:
        writer.back.set()
    async with asyncio.TaskGroup() as group:
        tasks.spawn(group, "loop", writer.loop.run())
        yield writer
        writer.loop.drain()


def asked(start: int, end: int, *, exact: bool = True) -> Backfill:
    return Backfill(
        tenant="t",
        job="j",
        shard="s",
        endpoint="0",
        start_ms=start * STEP,
        end_ms=end * STEP,
        at_ms=NOW_MS,
        exact=exact,
    )


def stands_at(window: int) -> Callable[[Mapping[str, Backfill]], bool]:
    return lambda found: found.get(OPEN) == asked(window, 0)


@contextlib.asynccontextmanager
async def scene(connection: bus.Bus) -> AsyncIterator[tuple[Stream, kv.KvView[Backfill]]]:
    """A lane whose endpoint has windows 1 and 2."""
    stream = Stream(connection)
    await stream.publish(1, 2)
    async with mirror(connection, subjects.BACKFILLS, contracts.decode_backfill) as notes:
        async with running(connection, notes, back=True) as writer:
            await writer.took(batch(1), batch(2))
        yield stream, notes


async def answered(
    connection: bus.Bus, notes: kv.KvView[Backfill], expected: Backfill, *windows: int
) -> None:
    """Wait for this request and answer it with these windows."""
    key = subjects.backfill_key(SHARD, "0", expected.end_ms)
    await until(notes, lambda found: found.get(key) == expected)
    made = [(batch(n), (n - 1) * STEP, n * STEP) for n in windows]
    await testing.answer(connection, expected, made)


async def settled(notes: kv.KvView[Backfill], end: int) -> Mapping[str, Backfill]:
    """Wait until the request that ends there is settled, and the note is gone."""
    key = subjects.backfill_key(SHARD, "0", end * STEP)
    return await until(notes, lambda found: found[key].delivered_ms == NOW_MS and OPEN not in found)


async def test_another_writer_asks_for_exactly_what_is_missing_and_delivers_it_first(
    connection: bus.Bus,
) -> None:
    async with scene(connection) as (stream, notes):
        await stream.publish(3, 4, 5, 6, 7)
        async with running(connection, notes, back=False):
            await until(notes, stands_at(2))
        await stream.forget(stream.last[5])

        async with running(connection, notes, back=True) as writer:
            await answered(connection, notes, asked(2, 5), 3, 4, 5)
            await writer.took(*map(batch, (3, 4, 5, 6, 7)))
            await settled(notes, end=5)

        left = await batches.subjects_of(connection, subjects.BACKFILL, subjects.BACKFILL_SUBJECTS)
        assert left == frozenset()
        assert writer.loop.tally.progress.made_up == 3


async def test_the_batch_in_hand_is_delivered_though_it_left_the_stream(
    connection: bus.Bus,
) -> None:
    async with scene(connection) as (stream, notes):
        await stream.publish(3, 4, 5, 6, 7)
        async with running(connection, notes, back=False) as writer:
            await until(notes, stands_at(2))
            await stream.forget(stream.last[5])
            writer.back.set()
            await answered(connection, notes, asked(3, 5), 4, 5)
            await writer.took(*map(batch, (3, 4, 5, 6, 7)))
            await settled(notes, end=5)


async def test_a_gap_shows_where_no_note_was_put(connection: bus.Bus) -> None:
    """An endpoint that is slow, or away for seconds, while the stream goes on very fast."""
    async with (
        scene(connection) as (stream, notes),
        running(connection, notes, back=True, stuck=60.0) as writer,
    ):
        await stream.publish(3)
        await writer.took(batch(3))
        writer.back.clear()
        await stream.publish(4, 5, 6, 7, 8)
        await asyncio.wait_for(writer.refused.wait(), 10)
        await stream.forget(stream.last[6])
        writer.back.set()
        await answered(connection, notes, asked(4, 6), 5, 6)
        await writer.took(*map(batch, (3, 4, 5, 6, 7, 8)))
        await settled(notes, end=6)


async def test_a_window_that_is_there_in_part_is_asked_for_as_a_whole(connection: bus.Bus) -> None:
    async with scene(connection) as (stream, notes):
        await stream.publish(3)
        await stream.publish(4, parts=3)
        async with running(connection, notes, back=False):
            await until(notes, stands_at(2))
        await stream.forget(stream.last[4] - 1)

        async with running(connection, notes, back=True) as writer:
            await answered(connection, notes, asked(2, 4, exact=False), 3, 4)
            await writer.took(batch(3), batch(4), batch(4, 3))


async def test_an_endpoint_that_comes_back_in_time_misses_nothing(connection: bus.Bus) -> None:
    async with scene(connection) as (stream, notes):
        await stream.publish(3, 4, 5)
        async with running(connection, notes, back=False) as writer:
            await until(notes, stands_at(2))
            writer.back.set()
            await writer.took(batch(3), batch(4), batch(5))

        await until(notes, lambda found: not found)


async def test_where_no_writer_was_the_beginning_is_not_known(connection: bus.Bus) -> None:
    async with scene(connection) as (stream, notes):
        await stream.publish(3, 4, 5, 6)
        await stream.forget(stream.last[4])

        async with running(connection, notes, back=True) as writer:
            await answered(connection, notes, asked(0, 4, exact=False), 4)
            await writer.took(batch(4), batch(5), batch(6))
            await settled(notes, end=4)


@pytest.mark.parametrize("forgotten", [1, 3])
async def test_a_new_endpoint_misses_nothing(connection: bus.Bus, forgotten: int) -> None:
    stream = Stream(connection)
    await stream.publish(1, 2, 3, 4)
    await stream.forget(stream.last[forgotten])
    async with mirror(connection, subjects.BACKFILLS, contracts.decode_backfill) as notes:
        async with running(connection, notes, back=True) as writer:
            await writer.took(*map(batch, range(forgotten + 1, 5)))

        assert notes.snapshot == {}
