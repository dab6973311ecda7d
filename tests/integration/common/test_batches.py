"""Fences and ordered pulls on a real nats-server."""

import asyncio
import time

import pytest

from tenantry_common import batches, bus, errors, subjects
from tenantry_common.subjects import JobRef, ShardRef


async def test_a_publisher_that_was_overtaken_is_refused(connection: bus.Bus) -> None:
    first = await batches.publish(connection, "samples.t.j.s", b"1", {}, after=0)
    second = await batches.publish(connection, "samples.t.j.s", b"2", {}, after=first)

    with pytest.raises(errors.Fenced):
        await batches.publish(connection, "samples.t.j.s", b"x", {}, after=first)

    newest = await batches.last(connection, "SAMPLES", "samples.t.j.s")
    oldest = await batches.following(connection, "SAMPLES", "samples.t.j.s", 0)
    assert newest is not None
    assert oldest is not None
    assert [(m.sequence, m.data) for m in (oldest, newest)] == [(first, b"1"), (second, b"2")]


async def test_a_fence_holds_per_subject(connection: bus.Bus) -> None:
    await batches.publish(connection, "samples.t.j.a", b"1", {}, after=0)
    await batches.publish(connection, "samples.t.j.b", b"1", {}, after=0)

    assert await batches.subjects_of(connection, "SAMPLES", "samples.t.>") == {
        "samples.t.j.a",
        "samples.t.j.b",
    }
    assert await batches.last(connection, "SAMPLES", "samples.t.j.c") is None


async def open_pull(connection: bus.Bus, ack_wait: float = 30) -> batches.OrderedPull:
    shard = ShardRef(JobRef("t", "j"), "s")
    return await batches.OrderedPull.open(
        connection,
        name=subjects.writer_consumer(shard, "0"),
        subject=subjects.samples(shard),
        ack_wait=ack_wait,
        idle=3600,
    )


async def test_one_message_at_a_time_is_handed_out_in_order(
    connection: bus.Bus,
) -> None:
    for n in (b"1", b"2"):
        await batches.append(connection, "samples.t.j.s", n, {"Tenantry-Series": "1"})
    one, other = await open_pull(connection), await open_pull(connection)

    first = await one.next(2)
    assert first is not None
    assert (first.data, first.attempt, first.headers["Tenantry-Series"]) == (b"1", 1, "1")
    assert await other.next(0.2) is None
    await first.ack()
    second = await other.next(2)
    assert second is not None
    assert (second.data, await other.pending()) == (b"2", 1)


async def test_an_unsettled_message_goes_to_whoever_asks_after_ack_wait(
    connection: bus.Bus,
) -> None:
    await batches.append(connection, "samples.t.j.s", b"1", {})
    one, other = await open_pull(connection, 0.5), await open_pull(connection, 0.5)
    assert await one.next(2) is not None

    again = await other.next(5)

    assert again is not None
    assert (again.data, again.attempt) == (b"1", 2)
    await again.release()
    third = await one.next(5)
    assert third is not None
    assert third.attempt == 3


async def test_a_consumer_that_is_gone_is_an_error_not_silence(
    connection: bus.Bus,
) -> None:
    pull = await open_pull(connection)
    await connection.js.delete_consumer(
        "SAMPLES", subjects.writer_consumer(ShardRef(JobRef("t", "j"), "s"), "0")
    )

    with pytest.raises(errors.BusUnavailable):
        await pull.next(1)


async def test_an_ask_that_is_given_up_takes_no_message_with_it(connection: bus.Bus) -> None:
    one, other = await open_pull(connection), await open_pull(connection)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await one.next(5)

    await batches.append(connection, "samples.t.j.s", b"1", {})

    found = await other.next(2)
    assert found is not None
    assert (found.data, found.attempt) == (b"1", 1)


async def test_a_message_is_known_to_be_ours_since_the_ask_that_it_answers(
    connection: bus.Bus,
) -> None:
    pull = await open_pull(connection)
    assert await pull.next(0.2) is None
    before = time.monotonic()
    await batches.append(connection, "samples.t.j.s", b"1", {})

    found = await pull.next(2)

    assert found is not None
    assert before < found.asked < time.monotonic()


async def test_progress_keeps_the_message_from_others(connection: bus.Bus) -> None:
    await batches.append(connection, "samples.t.j.s", b"1", {})
    one, other = await open_pull(connection, 0.5), await open_pull(connection, 0.5)
    held = await one.next(2)
    assert held is not None

    for _ in range(5):
        await held.in_progress()
        assert await other.next(0.3) is None

    await held.ack()
    assert await other.pending() == 0
