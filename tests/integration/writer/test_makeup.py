"""What is made up goes first, on a real nats-server, whatever becomes of those who do it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping

import msgspec
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
REFUSED = outcome.Split("400 out of order sample", "time")


def asked(start: int, end: int, **more: bool) -> Backfill:
    plain = Backfill(
        tenant="t",
        job="j",
        shard="s",
        endpoint="0",
        start_ms=start * STEP,
        end_ms=end * STEP,
        at_ms=1,
        exact=True,
    )
    return msgspec.structs.replace(plain, **more)


def key(request: Backfill) -> str:
    return subjects.backfill_key(SHARD, "0", request.end_ms)


def batch(window: int) -> bytes:
    """A series with two samples."""
    samples = ((window * STEP - 1, 1.0), (window * STEP, 2.0))
    return testing.series({"__name__": "m"}, *samples)


class Scene:
    """Writers of one lane whose endpoint records, and refuses what `refuse` names."""

    def __init__(self, connection: bus.Bus, requests: kv.KvView[Backfill]) -> None:
        self.bus = connection
        self.requests = requests
        self.taken: list[bytes] = []
        self.refuse: set[bytes] = set()
        self.loops: list[DeliverLoop] = []
        self.hold = asyncio.Event()
        self.hold.set()
        self._took = asyncio.Condition()

    async def put(self, request: Backfill) -> None:
        value = contracts.encode(request)
        await kv.put(self.bus, subjects.BACKFILLS, key(request), value)
        await until(self.requests, lambda found: key(request) in found)

    async def publish(self, *windows: int) -> None:
        for window in windows:
            await testing.publish(self.bus, SHARD, [batch(window)], window * STEP)

    async def answer(self, request: Backfill, *windows: int, **said: int) -> None:
        made = [(batch(n), (n - 1) * STEP, n * STEP) for n in windows]
        await testing.answer(self.bus, request, made, **said)

    def loop(self, *, patience: float = 60.0) -> DeliverLoop:
        metrics = Metrics(CollectorRegistry())
        loop = DeliverLoop(
            self.bus,
            LANE,
            self._post,
            patience=PATIENCE,
            cursor=Cursor(ack_wait=0.6, idle=3600.0, patience=patience),
            tally=Tally(LANE, metrics),
            metrics=metrics,
            backfills=Backfills(lambda: self.requests.snapshot),
        )
        self.loops.append(loop)
        return loop

    async def _post(self, block: bytes) -> outcome.Outcome:
        await self.hold.wait()
        request = snappy_block.decompress(block, limit=1000)
        if request in self.refuse:
            return REFUSED
        self.taken.append(request)
        async with self._took:
            self._took.notify_all()
        return outcome.Delivered()

    async def took(self, *requests: bytes) -> None:
        async with asyncio.timeout(20), self._took:
            await self._took.wait_for(lambda: len(self.taken) >= len(requests))
        assert self.taken == list(requests)

    async def said(
        self, request: Backfill, condition: Callable[[Backfill], bool]
    ) -> Mapping[str, Backfill]:
        return await until(self.requests, lambda found: condition(found[key(request)]), seconds=20)

    async def settled(self, request: Backfill) -> Backfill:
        return (await self.said(request, lambda one: one.delivered_ms > 0))[key(request)]

    def progress(self, name: str) -> int:
        return sum(getattr(loop.tally.progress, name) for loop in self.loops)


@contextlib.asynccontextmanager
async def scene(connection: bus.Bus) -> AsyncIterator[Scene]:
    async with mirror(connection, subjects.BACKFILLS, contracts.decode_backfill) as requests:
        yield Scene(connection, requests)


@contextlib.asynccontextmanager
async def running(*loops: DeliverLoop) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        for loop in loops:
            tasks.spawn(group, "loop", loop.run())
        yield
        for loop in loops:
            loop.drain()


async def test_newer_batches_wait_until_all_is_made_up(connection: bus.Bus) -> None:
    async with scene(connection) as at:
        request = asked(0, 3)
        await at.put(request)
        await at.publish(4, 5)
        async with running(at.loop(), at.loop()):
            await at.answer(request, 1, 2, 3, samples=6)
            await at.took(*map(batch, (1, 2, 3, 4, 5)))
            done = await at.settled(request)

        left = await batches.last(
            connection, subjects.BACKFILL, subjects.backfill(SHARD, LANE.endpoint.id)
        )
    assert (done.samples, done.refused, left) == (6, 0, None)
    assert (at.progress("made_up"), at.progress("samples")) == (6, 10)


async def test_requests_are_made_up_one_after_the_other(connection: bus.Bus) -> None:
    async with scene(connection) as at:
        first, second = asked(0, 2), asked(2, 4)
        await at.put(first)
        await at.put(second)
        await at.publish(5)
        async with running(at.loop()):
            await at.answer(first, 1, 2)
            await at.settled(first)
            await at.answer(second, 3, 4)
            await at.took(*map(batch, (1, 2, 3, 4, 5)))
            await at.settled(second)


async def test_what_cannot_be_made_up_is_counted_and_said(connection: bus.Bus) -> None:
    async with scene(connection) as at:
        request = asked(0, 3)
        await at.put(request)
        await at.publish(4)
        async with running(at.loop(), at.loop()):
            await at.answer(request, 3, lost_ms=STEP, empty_ms=STEP // 2)
            await at.took(batch(3), batch(4))
            await at.settled(request)

    assert at.progress("missed_ms") == STEP + STEP // 2  # by one of both
    said = {loop.tally.progress.last_error for loop in at.loops}
    assert said == {
        "",
        "of a gap, 10 s are older than lookback and for 5 s the source holds nothing",
    }


async def test_a_request_that_nobody_answers_is_overtaken_and_made_up_later(
    connection: bus.Bus,
) -> None:
    async with scene(connection) as at:
        request = asked(1, 3)
        await at.put(request)
        await at.publish(4)
        loop = at.loop(patience=0.5)
        async with running(loop):
            await at.took(batch(4))
            said = loop.tally.progress.last_error
            await at.answer(request, 2, 3)
            await at.took(*map(batch, (4, 2, 3)))
            await at.settled(request)

    assert said == "20 s are not made up yet, newer batches go first: no collector answers"


async def test_what_a_person_asks_for_holds_up_nothing(connection: bus.Bus) -> None:
    async with scene(connection) as at:
        request = asked(0, 2, exact=False, by_hand=True)
        await at.put(request)
        async with running(at.loop()):
            await at.publish(3)
            await at.took(batch(3))
            await at.answer(request, 1, 2)
            await at.took(*map(batch, (3, 1, 2)))
            await at.settled(request)


async def test_of_a_span_with_an_unknown_beginning_the_rest_is_delivered(
    connection: bus.Bus,
) -> None:
    """The endpoint has the first sample of window 2, and all of window 1."""
    async with scene(connection) as at:
        at.refuse = {batch(1), batch(2)}
        rest = testing.series({"__name__": "m"}, (2 * STEP, 2.0))
        at.refuse |= {testing.series({"__name__": "m"}, (STEP, 2.0))}
        request = asked(0, 3, exact=False)
        await at.put(request)
        await at.publish(4)
        async with running(at.loop()):
            await at.answer(request, 1, 2, 3, samples=6)
            await at.took(rest, batch(3), batch(4))
            done = await at.settled(request)

        kept = await batches.last(connection, subjects.REJECTS, subjects.rejects(SHARD.job))
    assert (done.refused, at.progress("rejected"), kept) == (2, 0, None)


async def test_of_a_span_that_was_certainly_missed_refusals_are_losses(
    connection: bus.Bus,
) -> None:
    async with scene(connection) as at:
        at.refuse = {batch(1), testing.series({"__name__": "m"}, (STEP, 2.0))}
        request = asked(0, 2)
        await at.put(request)
        async with running(at.loop()):
            await at.answer(request, 1, 2, samples=4)
            await at.took(batch(2))
            done = await at.settled(request)

        kept = await batches.last(connection, subjects.REJECTS, subjects.rejects(SHARD.job))
    assert kept is not None
    assert (done.refused, at.progress("rejected"), at.progress("made_up")) == (1, 1, 2)


async def test_a_writer_that_ends_in_the_middle_leaves_the_rest_to_the_next(
    connection: bus.Bus,
) -> None:
    async with scene(connection) as at:
        request = asked(0, 3)
        await at.put(request)
        await at.publish(4)
        at.hold.clear()
        await at.answer(request, 1, 2, 3)
        first = at.loop()
        async with asyncio.TaskGroup() as group:
            task = tasks.spawn(group, "killed", first.run())
            async with asyncio.timeout(10):
                while not first._courier.posting:  # noqa: ASYNC110  # nothing announces it
                    await asyncio.sleep(0.01)
            task.cancel()
        at.hold.set()
        async with running(at.loop()):
            await at.took(*map(batch, (1, 2, 3, 4)))
            await at.settled(request)
