"""Loops on a real nats-server: several on one lane, ended at any moment."""

import asyncio
import itertools
import random

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from tenantry_common import batches, bus, snappy_block, subjects, tasks
from tenantry_common.contracts import Endpoint
from tenantry_common.credentials import Folder
from tenantry_common.subjects import JobRef, ShardRef
from tenantry_local.nats_server import NatsServer
from writer import deliver, endpoint, exchange, outcome, testing
from writer.assign import Lane
from writer.backfills import Backfills
from writer.deliver_loop import Cursor, DeliverLoop
from writer.metrics import Metrics
from writer.tally import Tally

SHARD = ShardRef(JobRef("t", "j"), "s")
ACK_WAIT = 0.6
PATIENCE = deliver.Patience(first=0.01, limit=0.05, after_limit=1.0, fault=0.05, poison_tries=3)


def batch(number: int) -> bytes:
    return testing.series({"__name__": "m", "n": f"{number:04}"}, (1000 + number, number))


async def publish(connection: bus.Bus, count: int, start: int = 0) -> list[bytes]:
    requests = [batch(start + n) for n in range(count)]
    for n, request in enumerate(requests):
        await testing.publish(connection, SHARD, [request], 10_000 * (start + n + 1))
    return requests


def make_loop(
    connection: bus.Bus, post: deliver.Post, *, ack_wait: float = ACK_WAIT
) -> DeliverLoop:
    lane = Lane(shard=SHARD, endpoint=Endpoint(id="0", kind="prometheus", url="http://p"))
    metrics = Metrics(CollectorRegistry())
    return DeliverLoop(
        connection,
        lane,
        post,
        patience=PATIENCE,
        cursor=Cursor(ack_wait=ack_wait, idle=3600.0),
        tally=Tally(lane, metrics),
        metrics=metrics,
        backfills=Backfills(dict),
    )


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_several_writers_ended_at_random_neither_overlap_nor_reorder(
    connection: bus.Bus, seed: int
) -> None:
    requests = await publish(connection, 60)
    rng = random.Random(seed)  # noqa: S311 - chooses whom to end, guards nothing
    running: dict[asyncio.Task[None], DeliverLoop] = {}
    delivered = asyncio.Event()
    cancelled = drained = 0

    async def answer(request: bytes) -> web.Response:
        """Take the batch; meanwhile end a loop now and then, perhaps the one that sent it."""
        nonlocal cancelled, drained
        for _ in range(rng.randrange(3)):
            await asyncio.sleep(0)
        if rng.random() < 0.3:
            task, loop = rng.choice(list(running.items()))
            if rng.random() < 0.3:
                cancelled += 1
                task.cancel()
            else:
                drained += 1
                loop.drain()
        await asyncio.sleep(0.005)
        if request == requests[-1]:
            delivered.set()
        return web.Response(status=204)

    async with (
        testing.endpoint(answer) as target,
        exchange.session(5) as http,
        asyncio.TaskGroup() as group,
    ):

        def start() -> None:
            to = Endpoint(id="0", kind="prometheus", url=target.url)
            loop = make_loop(connection, endpoint.HttpEndpoint(http, "t", to, Folder("")).post)
            task = tasks.spawn(group, "loop", loop.run())
            running[task] = loop
            task.add_done_callback(ended)

        def ended(task: asyncio.Task[None]) -> None:
            del running[task]
            if not delivered.is_set():
                start()

        start()
        start()
        await asyncio.wait_for(delivered.wait(), 40)
        for loop in running.values():
            loop.drain()

    arrivals = [requests.index(seen.request) for seen in target.seen]
    steps = {later - earlier for earlier, later in itertools.pairwise(arrivals)}
    assert not any(seen.overlapped for seen in target.seen)
    assert (sorted(set(arrivals)), steps <= {0, 1}) == (list(range(60)), True)
    assert cancelled
    assert drained


async def test_a_long_delivery_is_not_taken_over_by_the_other_writer(
    connection: bus.Bus,
) -> None:
    requests = await publish(connection, 2)
    posted: list[tuple[str, bytes]] = []
    loops: dict[str, DeliverLoop] = {}

    def post_as(name: str) -> deliver.Post:
        async def post(block: bytes) -> outcome.Outcome:
            posted.append((name, snappy_block.decompress(block, limit=1000)))
            if len(posted) == 1:
                await asyncio.sleep(3 * ACK_WAIT)
            elif len(posted) == 2:
                for loop in loops.values():
                    loop.drain()
            return outcome.Delivered()

        return post

    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        for name in "ab":
            loops[name] = make_loop(connection, post_as(name))
            tasks.spawn(group, name, loops[name].run())

    assert [request for _, request in posted] == requests


async def test_a_writer_that_loses_nats_leaves_the_batch_and_goes_on_when_it_is_back(
    connection: bus.Bus, fresh_nats_server: NatsServer
) -> None:
    requests = await publish(connection, 2)
    posted: list[bytes] = []
    posting, cut_off = asyncio.Event(), asyncio.Event()

    async def post(block: bytes) -> outcome.Outcome:
        posted.append(snappy_block.decompress(block, limit=1000))
        if len(posted) == 1:
            posting.set()
            try:
                await asyncio.Event().wait()
            finally:
                cut_off.set()
        if posted[-1] == requests[-1]:
            loop.drain()
        return outcome.Delivered()

    loop = make_loop(connection, post)
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        tasks.spawn(group, "loop", loop.run())
        await posting.wait()
        await fresh_nats_server.kill()
        await cut_off.wait()
        await fresh_nats_server.start()

    assert posted == [requests[0], requests[0], requests[1]]
    assert loop.tally.progress.batches == 2


async def test_a_batch_of_a_newer_schema_is_left_to_newer_writers(connection: bus.Bus) -> None:
    await batches.append(connection, subjects.samples(SHARD), b"?", {"Tenantry-Schema": "2"})

    async def post(_: bytes) -> outcome.Outcome:
        raise AssertionError("posted what it does not understand")

    loop = make_loop(connection, post, ack_wait=600)
    newer = await batches.OrderedPull.open(
        connection,
        name=loop.lane.consumer,
        subject=subjects.samples(SHARD),
        ack_wait=600,
        idle=3600,
    )
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        tasks.spawn(group, "loop", loop.run())
        while not loop.tally.progress.last_error:
            if (delivery := await newer.next(0.1)) is not None:
                await delivery.release()
        assert await newer.next(5) is not None
        loop.drain()

    assert loop.tally.progress.batches == 0
    assert loop.tally.progress.last_error.startswith("batch has schema 2")
