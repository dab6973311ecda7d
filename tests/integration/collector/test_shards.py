"""Those shard loops run that this instance prefers, as jobs, sources and members change."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from collector.replicas import Work
from collector.shard_loop import ShardLoop
from collector.shards import Shards
from collector.testing import Rig, backend, eventually, job
from tenantry_common import contracts, kv, subjects, tasks
from tenantry_common.contracts import Backend, DeliveryJob, LeaseHolder
from tenantry_common.subjects import JobRef, ShardRef
from tenantry_common.testing import mirror

MAIN, OTHER = job(), job(name="other")
A = backend("http://127.0.0.1:1", "a")
US = backend("http://127.0.0.1:1", "u", ha_set="cluster-us1")


class Estate:
    """What the buckets hold, to be changed."""

    def __init__(self, rig: Rig) -> None:
        self._bus = rig.connection

    async def job(self, value: DeliveryJob) -> None:
        key = subjects.job_key(JobRef(value.tenant, value.name))
        await kv.put(self._bus, subjects.JOBS, key, contracts.encode(value))

    async def no_job(self, value: DeliveryJob) -> None:
        await kv.delete(
            self._bus, subjects.JOBS, subjects.job_key(JobRef(value.tenant, value.name))
        )

    async def source(self, value: Backend) -> None:
        await kv.put(self._bus, subjects.BACKENDS, value.id, contracts.encode(value))

    async def member(self, instance: str) -> None:
        key = subjects.member_lease("collector", instance)
        await kv.put(
            self._bus, subjects.LEASES, key, contracts.encode(LeaseHolder(instance=instance))
        )

    async def no_member(self, instance: str) -> None:
        await kv.delete(self._bus, subjects.LEASES, subjects.member_lease("collector", instance))


@asynccontextmanager
async def shards_of(rig: Rig, instance: str) -> AsyncIterator[Shards]:
    """Run the shards of one instance; its loops have no work, so they only hold leases."""

    def make(shard: ShardRef, work: Callable[[], Work | None]) -> ShardLoop:
        return rig.loop(instance, shard=shard, work=work)

    async with AsyncExitStack() as stack:
        bus = rig.connection
        shards = Shards(
            instance,
            await stack.enter_async_context(mirror(bus, subjects.JOBS, contracts.decode_job)),
            await stack.enter_async_context(
                mirror(bus, subjects.BACKENDS, contracts.decode_backend)
            ),
            await stack.enter_async_context(mirror(bus, subjects.LEASES, contracts.decode_lease)),
            make,
        )
        async with asyncio.TaskGroup() as group:
            task = tasks.spawn(group, instance, shards.run())
            yield shards
            await tasks.cancel(task)


def names(shards: Shards) -> set[str]:
    return {f"{shard.job.name}/{shard.shard}" for shard in shards.loops}


async def test_loops_follow_jobs_and_sources(rig: Rig) -> None:
    estate = Estate(rig)
    await estate.member("i")
    await estate.job(MAIN)
    await estate.source(A)

    async with shards_of(rig, "i") as shards:
        await eventually(lambda: names(shards) == {"main/cluster-eu1"})
        [kept] = shards.loops.values()
        await estate.source(US)
        await estate.job(OTHER)
        await eventually(lambda: len(shards.loops) == 4)
        await estate.no_job(OTHER)
        await eventually(lambda: names(shards) == {"main/cluster-eu1", "main/cluster-us1"})

        assert kept in shards.loops.values()
    assert shards.loops == {}


async def test_instance_that_is_no_member_yet_runs_nothing(rig: Rig) -> None:
    estate = Estate(rig)
    await estate.job(MAIN)
    await estate.source(A)
    await estate.member("somebody-else")

    async with shards_of(rig, "i") as shards:
        await estate.no_member("somebody-else")
        await estate.member("i")
        await eventually(lambda: names(shards) == {"main/cluster-eu1"})


async def test_shards_move_when_a_member_comes_and_come_back_when_it_goes(rig: Rig) -> None:
    estate = Estate(rig)
    await estate.source(A)
    for n in range(12):
        await estate.job(job(name=f"job{n}"))
    await estate.member("i")

    async with shards_of(rig, "i") as first:
        await eventually(lambda: len(first.loops) == 12)
        await eventually(lambda: all(loop.lease.held for loop in first.loops.values()))
        await estate.member("j")
        async with shards_of(rig, "j") as second:
            await eventually(lambda: 0 < len(first.loops) < 12)
            await eventually(lambda: len(second.loops) == 12 - len(first.loops))
            assert names(first).isdisjoint(names(second))
            # The one gives leases back, the other takes them with its next try.
            await eventually(lambda: all(loop.lease.held for loop in second.loops.values()))
        await estate.no_member("j")
        await eventually(lambda: len(first.loops) == 12)
