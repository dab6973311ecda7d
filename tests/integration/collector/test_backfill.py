"""Answers to requests for backfill: real Prometheus, real nats-server, a clock of our own."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest
from msgspec.structs import replace

from collector.backfill import Answer, Over, Source
from collector.batch import Limits
from collector.pull import Puller
from collector.replicas import Replicas, Work
from collector.testing import SHARD, Rig, backend, job, points, series, store
from tenantry_common import batches, bus, contracts, errors, kv, snappy_block, subjects, tasks
from tenantry_common.batches import Stored
from tenantry_common.contracts import Backfill
from tenantry_common.testing import mirror, until
from tenantry_local.prometheus import Prometheus
from tenantry_local.testing import Factory

SUBJECT = subjects.backfill(SHARD, "0")


class Asked:
    """A request of the last minute before the rig's clock, and who answers it."""

    def __init__(self, rig: Rig, **more: object) -> None:
        self.rig = rig
        self.held = True
        now = rig.clock.now_ms
        plain = Backfill(
            tenant=SHARD.job.tenant,
            job=SHARD.job.name,
            shard=SHARD.shard,
            endpoint="0",
            start_ms=now - 60_000,
            end_ms=now,
            at_ms=now + 5_000,
            exact=True,
        )
        self.request = replace(plain, **more)
        self.key = subjects.backfill_key(SHARD, "0", self.request.end_ms)

    async def put(self) -> None:
        await kv.put(
            self.rig.connection, subjects.BACKFILLS, self.key, contracts.encode(self.request)
        )

    async def read(self) -> Backfill:
        value = (await kv.entry(self.rig.connection, subjects.BACKFILLS, self.key)).value
        assert value is not None
        return contracts.decode_backfill(value)

    async def until(self, condition: Callable[[Backfill], bool]) -> Backfill:
        """Wait until the request is so."""
        connection = self.rig.connection
        async with mirror(connection, subjects.BACKFILLS, contracts.decode_backfill) as view:
            return (await until(view, lambda found: condition(found[self.key])))[self.key]

    def answer(self, slice_ms: int = 20_000) -> Answer:
        rig = self.rig
        puller = Puller(rig.http, timeout=10, max_bytes=rig.max_bytes, per_source=2)
        return Answer(
            rig.connection,
            self.key,
            self.request,
            Source(
                replicas=Replicas(SHARD, puller, rig.limits, rig.metrics, cached_series=1000),
                work=lambda: Work(job=rig.job, ha_set=rig.ha_set) if rig.job else None,
                slots=asyncio.Semaphore(1),
                turns=asyncio.Semaphore(1),
                slice_ms=slice_ms,
                retry_max_seconds=0.05,
                allowed=lambda: self.held,
            ),
            now=rig.clock,
        )


@contextlib.asynccontextmanager
async def answering(answer: Answer) -> AsyncIterator[asyncio.Task[Backfill]]:
    async with asyncio.TaskGroup() as group:
        task = tasks.spawn(group, "answer", answer.run())
        yield task
        await tasks.cancel(task)


async def messages(connection: bus.Bus) -> list[Stored]:
    found: list[Stored] = []
    sequence = 0
    while message := await batches.following(connection, subjects.BACKFILL, SUBJECT, sequence):
        found.append(message)
        sequence = message.sequence
    return found


def held(found: list[Stored]) -> bytes:
    return b"".join(snappy_block.decompress(one.data, limit=1 << 26) for one in found)


def stored(rig: Rig, first: int, last: int, names: int = 30) -> bytes:
    """Samples of some series, one a second, from `first` to `last` seconds from now."""
    now = rig.clock.now_ms
    return b"".join(
        series(
            {"__name__": "m", "n": str(n)},
            [(now + 1_000 * t, 1_000 + t) for t in range(first, last)],
        )
        for n in range(names)
    )


async def source(rig: Rig, prometheus_factory: Factory[Prometheus], request: bytes) -> Prometheus:
    prometheus = await prometheus_factory(out_of_order_window="1h")
    await store(prometheus.url, request)
    rig.ha_set = (backend(prometheus.url),)
    rig.job = job()
    return prometheus


async def test_exactly_the_span_is_published_in_slices(
    rig: Rig, prometheus_factory: Factory[Prometheus]
) -> None:
    await source(rig, prometheus_factory, stored(rig, -80, 20))
    asked = Asked(rig)
    await asked.put()

    said = await asked.answer().run()

    found = await messages(rig.connection)
    assert points(held(found)) == points(stored(rig, -59, 1))
    now = rig.clock.now_ms
    assert [one.headers[subjects.HEADER_WINDOW] for one in found] == [
        f"{now - 60_000 + k * 20_000}-{now - 40_000 + k * 20_000}" for k in range(3)
    ]
    assert {one.headers[subjects.HEADER_BACKFILL] for one in found} == {asked.request.id}
    assert said == await asked.read()
    assert (said.samples, said.sequence, said.answered_ms) == (1800, found[-1].sequence, now)
    assert (said.lost_ms, said.empty_ms, said.error) == (0, 0, "")


async def test_what_is_older_than_lookback_or_not_there_is_said(
    rig: Rig, prometheus_factory: Factory[Prometheus]
) -> None:
    await source(rig, prometheus_factory, stored(rig, -15, 5))
    rig.job = job(lookback_ms=45_000)
    asked = Asked(rig)
    await asked.put()

    said = await asked.answer(slice_ms=10_000).run()

    assert points(held(await messages(rig.connection))) == points(stored(rig, -15, 1))
    assert (said.lost_ms, said.empty_ms, said.samples) == (20_000, 20_000, 480)


async def test_an_unknown_beginning_is_made_up_interval_by_interval(
    rig: Rig, prometheus_factory: Factory[Prometheus]
) -> None:
    await source(rig, prometheus_factory, stored(rig, -80, 20))
    rig.job = job(lookback_ms=32_000)
    asked = Asked(rig, start_ms=0, exact=False)
    await asked.put()

    said = await asked.answer().run()

    now = rig.clock.now_ms
    assert [one.headers[subjects.HEADER_WINDOW] for one in await messages(rig.connection)] == [
        f"{now - 27_000}-{now - 20_000}",
        f"{now - 20_000}-{now - 10_000}",
        f"{now - 10_000}-{now}",
    ]
    assert (said.lost_ms, said.samples) == (0, 27 * 30)


async def test_another_collector_goes_on_in_the_middle_of_a_window(
    rig: Rig, prometheus_factory: Factory[Prometheus]
) -> None:
    await source(rig, prometheus_factory, stored(rig, -80, 20))
    rig.limits = Limits(series=4, size=500_000)
    asked = Asked(rig)
    await asked.put()
    seen = 0

    async def count(_: object) -> None:
        nonlocal seen
        seen += 1
        asked.held = seen < 11

    await rig.connection.client.subscribe(SUBJECT, cb=count)
    with pytest.raises(errors.Fenced):
        await asked.answer().run()
    left = await messages(rig.connection)
    before = await asked.read()
    rig.limits = Limits(series=7, size=500_000)  # of another version, say
    asked.held = True
    seen = -1000
    said = await asked.answer().run()

    found = await messages(rig.connection)
    part, parts = map(int, left[-1].headers[subjects.HEADER_PART].split("/"))
    assert part < parts
    assert found[: len(left)] == left
    assert points(held(found)) == points(stored(rig, -59, 1))
    assert (before.answered_ms, said.samples) == (0, 1800)


async def test_one_that_was_overtaken_is_refused_by_the_stream(
    rig: Rig, prometheus_factory: Factory[Prometheus]
) -> None:
    prometheus = await source(rig, prometheus_factory, stored(rig, -80, 20))
    asked = Asked(rig)
    await asked.put()
    await prometheus.kill()
    async with asyncio.TaskGroup() as group:
        zombie = tasks.spawn(group, "zombie", _fate(asked.answer()))
        await asked.until(lambda said: said.error != "")
        await prometheus.start()
        other = tasks.spawn(group, "other", _fate(asked.answer()))

    assert sorted((zombie.result(), other.result())) in (
        ["answered", "fenced"],
        ["answered", "over"],
    )
    assert points(held(await messages(rig.connection))) == points(stored(rig, -59, 1))


async def _fate(answer: Answer) -> str:
    try:
        await answer.run()
    except errors.Fenced:
        return "fenced"
    except Over:
        return "over"
    return "answered"


async def test_a_source_that_is_away_is_said_and_waited_for(
    rig: Rig, prometheus_factory: Factory[Prometheus]
) -> None:
    prometheus = await source(rig, prometheus_factory, stored(rig, -80, 20))
    await prometheus.kill()
    asked = Asked(rig)
    await asked.put()
    async with answering(asked.answer()) as task:
        error = (await asked.until(lambda said: said.error != "")).error
        await prometheus.start()
        said = await asyncio.wait_for(task, 20)

    assert error.startswith("a: ")
    assert (said.error, said.samples) == ("", 1800)


async def test_an_answer_that_is_too_large_is_asked_for_in_shorter_windows(
    rig: Rig, prometheus_factory: Factory[Prometheus]
) -> None:
    await source(rig, prometheus_factory, stored(rig, -80, 20))
    rig.max_bytes = 16_000
    asked = Asked(rig)
    await asked.put()

    said = await asked.answer(slice_ms=60_000).run()

    found = await messages(rig.connection)
    assert points(held(found)) == points(stored(rig, -59, 1))
    assert len({one.headers[subjects.HEADER_WINDOW] for one in found}) > 1
    assert said.samples == 1800


async def test_what_a_writer_counts_meanwhile_is_kept(
    rig: Rig, prometheus_factory: Factory[Prometheus]
) -> None:
    prometheus = await source(rig, prometheus_factory, stored(rig, -80, 20))
    await prometheus.kill()
    asked = Asked(rig)
    await asked.put()
    async with answering(asked.answer()) as task:
        said = await asked.until(lambda said: said.error != "")
        counted = contracts.encode(replace(said, refused=3))
        await kv.put(rig.connection, subjects.BACKFILLS, asked.key, counted)
        await prometheus.start()
        said = await asyncio.wait_for(task, 20)

    assert (said.refused, said.samples) == (3, 1800)


async def test_a_request_that_is_gone_or_answered_is_left_alone(
    rig: Rig, prometheus_factory: Factory[Prometheus]
) -> None:
    await source(rig, prometheus_factory, stored(rig, -80, 20))
    asked = Asked(rig)
    with pytest.raises(Over):
        await asked.answer().run()
    await asked.put()
    await asked.answer().run()
    with pytest.raises(Over):
        await asked.answer().run()

    assert points(held(await messages(rig.connection))) == points(stored(rig, -59, 1))


async def test_nothing_is_read_while_too_much_waits_for_the_endpoint(
    rig: Rig, prometheus_factory: Factory[Prometheus]
) -> None:
    await source(rig, prometheus_factory, stored(rig, -80, 20))
    for _ in range(65):
        await batches.append(rig.connection, SUBJECT, b"", {})
    pull = await batches.OrderedPull.open(
        rig.connection,
        name=subjects.writer_consumer(SHARD, "0"),
        subject=SUBJECT,
        ack_wait=30,
        idle=60,
        stream=subjects.BACKFILL,
    )
    asked = Asked(rig)
    await asked.put()
    async with answering(asked.answer(slice_ms=60_000)) as task:
        await asked.until(lambda said: said.done_ms > 0)
        waiting = len(await messages(rig.connection))
        delivery = await pull.next(5)
        assert delivery is not None
        await delivery.ack()
        await asyncio.wait_for(task, 20)

    assert waiting == 65
    assert len(await messages(rig.connection)) == 64 + 1  # what was delivered is discarded
