"""How long a message is ours, with a real nats-server and without it."""

import asyncio

import pytest

from tenantry_common import batches, bus, subjects
from tenantry_common.subjects import JobRef, ShardRef
from tenantry_local.nats_server import NatsServer
from writer import hold

SHARD = ShardRef(JobRef("t", "j"), "s")
ACK_WAIT = 0.6


async def nothing() -> None:
    """Do nothing at a beat."""


async def open_pull(connection: bus.Bus) -> batches.OrderedPull:
    return await batches.OrderedPull.open(
        connection,
        name=subjects.writer_consumer(SHARD, "0"),
        subject=subjects.samples(SHARD),
        ack_wait=ACK_WAIT,
        idle=3600,
    )


async def pulled(connection: bus.Bus, pull: batches.OrderedPull) -> batches.Delivery:
    await batches.append(connection, subjects.samples(SHARD), b"1", {})
    delivery = await pull.next(2)
    assert delivery is not None
    return delivery


async def test_a_held_message_stays_ours_as_long_as_the_work_lasts(connection: bus.Bus) -> None:
    one, other = await open_pull(connection), await open_pull(connection)
    delivery = await pulled(connection, one)
    beats = 0

    async def beat() -> None:
        nonlocal beats
        beats += 1

    async with hold.of(delivery, ACK_WAIT, beat):
        stolen = await other.next(3 * ACK_WAIT)
        await delivery.ack()

    assert stolen is None
    assert beats >= 3


async def test_without_nats_the_work_is_cancelled_before_others_may_begin(
    connection: bus.Bus, fresh_nats_server: NatsServer
) -> None:
    loop = asyncio.get_running_loop()
    delivery = await pulled(connection, await open_pull(connection))
    began = loop.time()
    cancelled = asyncio.Event()

    async def work() -> None:
        async with hold.of(delivery, ACK_WAIT, nothing):
            await fresh_nats_server.kill()
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()

    with pytest.raises(hold.Lost):
        await work()

    assert cancelled.is_set()
    assert loop.time() - began < ACK_WAIT


async def test_a_message_that_was_asked_for_too_long_ago_is_not_touched(
    connection: bus.Bus,
) -> None:
    delivery = await pulled(connection, await open_pull(connection))
    delivery.asked -= ACK_WAIT

    with pytest.raises(hold.Lost):
        async with hold.of(delivery, ACK_WAIT, nothing):
            pytest.fail("worked without the right to")


async def test_what_has_ended_cannot_be_extended() -> None:
    now = asyncio.get_running_loop().time()
    scope = asyncio.timeout_at(now - 1)
    right = hold.Hold(scope)

    right.extend(now + 100)

    assert right.deadline == now - 1
