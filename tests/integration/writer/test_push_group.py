"""A whole writer between a real nats-server and a real Pushgateway."""

import asyncio
import struct
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager

import aiohttp
import msgspec

from tenantry_common import batches, bus, contracts, kv, remote_write, snappy_block, subjects
from tenantry_common.subjects import JobRef, ShardRef
from tenantry_common.testing import mirror, until
from tenantry_local.pushgateway import Pushgateway
from tenantry_local.testing import Factory
from writer import testing
from writer.config import Config

JOB = JobRef("team-a", "push")
EU, US = ShardRef(JOB, "eu"), ShardRef(JOB, "us")
STALE = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
STEP = 10_000


def job(gateway: Pushgateway) -> contracts.DeliveryJob:
    target = contracts.Endpoint(id="push", kind="pushgateway", url=gateway.url, push_job="exported")
    return msgspec.structs.replace(testing.job(JOB), endpoints=(target,))


def one(name: str, window: int, value: float, **labels: str) -> bytes:
    return testing.series({"__name__": name, **labels}, (window * STEP, value))


async def publish(connection: bus.Bus, window: int, *requests: bytes, shard: ShardRef = EU) -> None:
    """Publish a window as a collector does, with the sequence of its predecessor."""
    subject = subjects.samples(shard)
    last = await batches.last(connection, subjects.SAMPLES, subject)
    request = remote_write.join(requests)
    headers = testing.headers(request, (window - 1) * STEP, window * STEP)
    headers[subjects.HEADER_AFTER] = str(last.sequence if last else 0)
    await batches.append(connection, subject, snappy_block.compress(request), headers)


async def held(gateway: Pushgateway) -> set[str]:
    """What the Pushgateway shows of our group, without its own metrics and labels."""
    async with aiohttp.ClientSession() as http, http.get(f"{gateway.url}/metrics") as response:
        lines = (await response.text()).splitlines()
    ours = (line for line in lines if 'job="exported"' in line and not line.startswith("push_"))
    return {
        line.replace('instance="",', "").replace('job="exported"', "").replace(",}", "}")
        for line in ours
    }


def mirrored(connection: bus.Bus) -> AbstractAsyncContextManager[kv.KvView[contracts.Report]]:
    return mirror(connection, subjects.REPORTS, contracts.decode_report)


def notes(connection: bus.Bus) -> AbstractAsyncContextManager[kv.KvView[contracts.PushGroup]]:
    return mirror(connection, subjects.PUSHES, contracts.decode_push)


def batches_settled(reports: Mapping[str, contracts.Report]) -> int:
    return sum(one.batches for report in reports.values() for one in report.progress)


async def pushed(gateway: Pushgateway) -> int:
    """How many requests to replace a group the Pushgateway has taken."""
    async with aiohttp.ClientSession() as http, http.get(f"{gateway.url}/metrics") as response:
        lines = (await response.text()).splitlines()
    taken = 'pushgateway_http_requests_total{code="200",handler="push",method="put"} '
    return sum(int(line.removeprefix(taken)) for line in lines if line.startswith(taken))


async def shows(gateway: Pushgateway, *wanted: str) -> None:
    """Wait until the group is exactly this."""
    async with asyncio.timeout(10):
        while await held(gateway) != set(wanted):  # noqa: ASYNC110 - nothing announces a push
            await asyncio.sleep(0.05)


async def test_the_group_is_the_latest_of_all_shards(
    connection: bus.Bus, settings: Config, pushgateway_factory: Factory[Pushgateway]
) -> None:
    gateway = await pushgateway_factory()
    await testing.put_job(connection, job(gateway))
    async with testing.running(settings):
        await publish(connection, 1, one("a", 1, 1, job="x"), one("b", 1, 2))
        await publish(connection, 1, one("c", 1, 3, instance="i"), shard=US)
        await shows(gateway, 'a{exported_job="x"} 1', "b{} 2", 'c{instance="i"} 3')
        await publish(connection, 2, one("a", 2, 5, job="x"), one("b", 2, STALE))
        await shows(gateway, 'a{exported_job="x"} 5', 'c{instance="i"} 3')


async def test_a_new_writer_reads_the_group_back_from_the_stream(
    connection: bus.Bus, settings: Config, pushgateway_factory: Factory[Pushgateway]
) -> None:
    gateway = await pushgateway_factory()
    await testing.put_job(connection, job(gateway))
    async with testing.running(settings):
        await publish(connection, 1, one("too_old", 1, 0))
        for window in range(2, 36):
            await publish(connection, window, one("a", window, window), one("b", window, 1))
        await publish(connection, 35, one("c", 35, 3), shard=US)
        await shows(gateway, "a{} 35", "b{} 1", "c{} 3")

    await gateway.kill()
    await gateway.start()
    async with testing.running(msgspec.structs.replace(settings, instance="other")):
        await publish(connection, 36, one("a", 36, 36))
        await shows(gateway, "a{} 36", "b{} 1", "c{} 3")


async def test_what_waited_is_pushed_at_once(
    connection: bus.Bus, settings: Config, pushgateway_factory: Factory[Pushgateway]
) -> None:
    gateway = await pushgateway_factory()
    for window in range(1, 31):
        await publish(connection, window, one("a", window, window))
    await testing.put_job(connection, job(gateway))

    async with testing.running(settings), mirrored(connection) as reports:
        await until(reports, lambda found: batches_settled(found) == 30)
        await shows(gateway, "a{} 30")
        pushes = await pushed(gateway)

    assert pushes == 1


async def test_a_series_that_the_pushgateway_refuses_loses_no_other(
    connection: bus.Bus, settings: Config, pushgateway_factory: Factory[Pushgateway]
) -> None:
    gateway = await pushgateway_factory()
    await testing.put_job(connection, job(gateway))
    dotted, nameless = one("with.dots", 1, 1), testing.series({"a": "b"}, (STEP, 1))
    async with testing.running(settings):
        await publish(connection, 1, one("a", 1, 1), dotted, nameless, one("b", 1, 2))
        await shows(gateway, "a{} 1", "b{} 2")
        async with mirrored(connection) as reports:
            await until(reports, lambda found: batches_settled(found) == 1)
        await publish(connection, 2, one("a", 2, 2))
        await shows(gateway, "a{} 2", "b{} 2")

    found = await batches.last(connection, subjects.REJECTS, subjects.rejects(JOB))
    assert found is not None
    assert snappy_block.decompress(found.data, limit=1000) in (dotted, nameless)


async def test_the_group_goes_with_the_job(
    connection: bus.Bus, settings: Config, pushgateway_factory: Factory[Pushgateway]
) -> None:
    gateway = await pushgateway_factory()
    await testing.put_job(connection, job(gateway))
    async with testing.running(settings), notes(connection) as noted:
        await publish(connection, 1, one("a", 1, 1))
        await shows(gateway, "a{} 1")
        await kv.delete(connection, subjects.JOBS, subjects.job_key(JOB))
        await shows(gateway)
        await until(noted, lambda found: not found)


async def test_a_job_that_went_while_no_writer_ran_is_cleaned_up(
    connection: bus.Bus, settings: Config, pushgateway_factory: Factory[Pushgateway]
) -> None:
    gateway = await pushgateway_factory()
    await testing.put_job(connection, job(gateway))
    async with testing.running(settings):
        await publish(connection, 1, one("a", 1, 1))
        await shows(gateway, "a{} 1")

    await kv.delete(connection, subjects.JOBS, subjects.job_key(JOB))
    async with testing.running(settings):
        await shows(gateway)
