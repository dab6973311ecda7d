"""One slot for a cluster, whichever instance it pushes to, taken by what is stored and nothing else."""

import asyncio

import pytest
from tests.integration.receiver.conftest import Site

from receiver import messages, testing
from receiver.refusal import Refused
from receiver.slots import Slots
from receiver.store import Store
from tenantry_common import batches, subjects
from tenantry_common.contracts import PushPolicy

SUBJECT = subjects.latest(testing.JOB, "c")
INTERVAL = 60_000


def message(name: str) -> messages.Message:
    return messages.whole([], {}, testing.JOB, "c", name)


def slots(site: Site, now: float | None = None) -> Slots:
    store = Store(site.bus, 5.0)
    return Slots(site.bus, store) if now is None else Slots(site.bus, store, now=lambda: now)


async def status(slots: Slots, name: str = "other", interval: int = INTERVAL) -> int:
    try:
        await slots.look(SUBJECT, interval, f"{name}/1")
    except Refused as refused:
        in_time = refused.retry_after is not None and 0 < refused.retry_after <= INTERVAL / 1000
        return refused.status if in_time else 0
    return 200


async def test_a_slot_is_free_until_something_is_stored_and_after_the_interval(
    site: Site, now_ms: int
) -> None:
    first, second = slots(site), slots(site)
    after = await first.look(SUBJECT, INTERVAL, "a/1")
    assert after == 0

    await first.take(message("a"), INTERVAL, after)

    assert [await status(one) for one in (first, second)] == [429, 429]
    assert await second.look(SUBJECT, INTERVAL, "a/1") is None, "it is stored already"
    with pytest.raises(Refused):
        first.glance(SUBJECT)
    second.glance("latest.another.job.cluster")
    assert await status(slots(site, now_ms / 1000 + 50)) == 429
    assert await status(slots(site, now_ms / 1000 + 120)) == 200


async def test_of_two_at_the_same_time_one_is_refused(site: Site) -> None:
    first, second = slots(site), slots(site)
    fences = [await one.look(SUBJECT, INTERVAL, "x/1") for one in (first, second)]

    await first.take(message("a"), INTERVAL, fences[0] or 0)
    with pytest.raises(Refused) as refused:
        await second.take(message("b"), INTERVAL, fences[1] or 0)

    assert refused.value.status == 429
    last = await batches.last(site.bus, subjects.LATEST, SUBJECT)
    assert last is not None
    assert last.headers[subjects.HEADER_MSG_ID] == "a/1"


async def test_a_slot_that_was_taken_without_an_answer_is_taken(site: Site) -> None:
    """A try that got no answer may have been stored; the next one finds that."""
    await slots(site).take(message("a"), INTERVAL, 0)

    await slots(site).take(message("a"), INTERVAL, 0)


async def test_a_cluster_that_changes_instances_is_held_to_its_interval(site: Site) -> None:
    for _ in range(2):
        await site.start()
    await site.publish(testing.job(PushPolicy(sources=("*",), interval_ms=8_000)))

    async def push(url: str, value: float) -> int:
        body = testing.family("up", [({}, value, testing.now_ms())])
        return (await site.upload(body, url=url)).status

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(push(site.urls[n % 2], float(n))) for n in range(6)]
    assert sorted(task.result() for task in tasks) == [200, 429, 429, 429, 429, 429]

    async def free() -> bool:
        return await push(site.urls[1], 9.0) == 200

    await site.until(free)
