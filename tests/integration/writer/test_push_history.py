"""What is read back of a job from a real stream."""

from tenantry_common import batches, bus, remote_write, snappy_block, subjects
from tenantry_common.subjects import JobRef, ShardRef
from writer import push_history, testing

JOB = JobRef("t", "j")
EU, US = ShardRef(JOB, "eu"), ShardRef(JOB, "us")
STEP = 10_000


def request(window: int) -> bytes:
    return testing.series({"__name__": f"window_{window}"}, (window * STEP, window))


def windows(found: push_history.Recent) -> set[str]:
    return {remote_write.decode_labels(labels)["__name__"] for labels in found.latest}


async def publish(connection: bus.Bus, shard: ShardRef, window: int, after: int) -> int:
    headers = testing.headers(request(window), (window - 1) * STEP, window * STEP)
    headers[subjects.HEADER_AFTER] = str(after)
    subject = subjects.samples(shard)
    block = snappy_block.compress(request(window))
    return await batches.publish(connection, subject, block, headers, after=after)


async def read(connection: bus.Bus, span_ms: int) -> push_history.Recent:
    return await push_history.recent(connection, subjects.samples_of_job(JOB), span_ms)


async def test_the_last_windows_of_every_shard_are_read(connection: bus.Bus) -> None:
    eu = us = 0
    for window in range(1, 8):
        eu = await publish(connection, EU, window, eu)
        if window < 3:
            us = await publish(connection, US, window, us)

    found = await read(connection, 3 * STEP)

    assert windows(found) == {"window_5", "window_6", "window_7", "window_1", "window_2"}
    assert found.read_to == {subjects.samples(EU): eu, subjects.samples(US): us}


async def test_what_is_not_retained_or_not_readable_is_passed_over(connection: bus.Bus) -> None:
    first = await publish(connection, EU, 1, 0)
    second = await publish(connection, EU, 2, first)
    last = await publish(connection, EU, 3, second)
    await batches.append(connection, subjects.samples(EU), b"?", {"Tenantry-After": f"{last}"})
    await connection.js.delete_msg(subjects.SAMPLES, first)

    found = await read(connection, 60 * STEP)

    assert windows(found) == {"window_2", "window_3"}


async def test_a_job_without_batches_has_nothing(connection: bus.Bus) -> None:
    assert await read(connection, STEP) == push_history.Recent(latest={}, read_to={})
