"""What the subject of one endpoint's backfills says, on a real nats-server."""

from collector.backfill_lane import BackfillLane, Progress
from collector.batch import Batch
from collector.publish import Origin
from collector.schedule import Window
from collector.testing import SHARD, series
from tenantry_common import batches, bus, errors, remote_write, snappy_block, subjects
from tenantry_common.contracts import Backfill

SUBJECT = subjects.backfill(SHARD, "0")
WINDOW = Window(10_000, 20_000)
ORIGIN = Origin("a", "1")
REQUEST = Backfill(
    tenant=SHARD.job.tenant,
    job=SHARD.job.name,
    shard=SHARD.shard,
    endpoint="0",
    start_ms=10_000,
    end_ms=30_000,
    at_ms=1,
)


def batch(name: str) -> Batch:
    block = snappy_block.compress(series({"__name__": name}, [(15_000, 1), (16_000, 2)]))
    return Batch(block=block, series=1, samples=2)


def lane(connection: bus.Bus, *, parts: int = 99) -> BackfillLane:
    """Return a lane of an instance that loses its lease after so many parts."""
    left = iter(range(parts))
    return BackfillLane(connection, REQUEST, lambda: next(left, None) is not None)


async def test_a_subject_without_messages_tells_nothing(connection: bus.Bus) -> None:
    assert await lane(connection).progress() == Progress()


async def test_messages_of_another_request_tell_only_where_the_fence_stands(
    connection: bus.Bus,
) -> None:
    other = REQUEST.__class__(
        **{name: getattr(REQUEST, name) for name in REQUEST.__struct_fields__} | {"at_ms": 2}
    )
    sequence = await BackfillLane(connection, other, lambda: True).publish(
        WINDOW, [batch("m")], ORIGIN, Progress()
    )

    assert await lane(connection).progress() == Progress(sequence=sequence)


async def test_a_whole_window_is_told_with_its_samples(connection: bus.Bus) -> None:
    sequence = await lane(connection).publish(WINDOW, [batch("a"), batch("b")], ORIGIN, Progress())

    assert await lane(connection).progress() == Progress(
        sequence=sequence, finished=WINDOW, samples=4
    )


async def test_a_window_in_part_is_told_with_its_series_and_completed(
    connection: bus.Bus,
) -> None:
    await lane(connection).publish(Window(0, 10_000), [batch("z")], ORIGIN, Progress())
    before = await lane(connection).progress()
    fenced = False
    try:
        await lane(connection, parts=2).publish(
            WINDOW, [batch("a"), batch("b"), batch("c")], ORIGIN, before
        )
    except errors.Fenced:
        fenced = True
    found = await lane(connection).progress()
    sequence = await lane(connection).publish(WINDOW, [batch("c")], ORIGIN, found)

    assert fenced
    assert found.unfinished is not None
    assert (found.unfinished.window, found.unfinished.parts) == (WINDOW, 2)
    assert found.series == {remote_write.encode_labels({"__name__": n}) for n in "ab"}
    assert found.samples == 4
    assert await lane(connection).progress() == Progress(
        sequence=sequence, finished=WINDOW, samples=6
    )


async def test_what_is_delivered_is_discarded_but_the_last_message(connection: bus.Bus) -> None:
    sequence = await lane(connection).publish(
        WINDOW, [batch("a"), batch("b"), batch("c")], ORIGIN, Progress()
    )
    pull = await batches.OrderedPull.open(
        connection,
        name=subjects.writer_consumer(SHARD, "0"),
        subject=SUBJECT,
        ack_wait=30,
        idle=60,
        stream=subjects.BACKFILL,
    )
    kept = []
    for _ in range(3):
        delivery = await pull.next(5)
        assert delivery is not None
        await delivery.ack()
        await lane(connection).discard_delivered(sequence)
        first = await batches.following(connection, subjects.BACKFILL, SUBJECT, 0)
        assert first is not None
        kept.append(first.sequence)

    assert kept == [2, 3, 3]
    assert (await lane(connection).progress()).finished == WINDOW
