"""The assignment follows jobs, shards and members on a real nats-server."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from tenantry_common import batches, bus, contracts, kv, subjects
from tenantry_common.subjects import JobRef, ShardRef
from writer.assign import Assignment
from writer.dispatch import Dispatch
from writer.testing import job, put_job

JOB = JobRef("t", "j")
URL = "http://p-0:9090/api/v1/write"


class Applied:
    """What was handed to the lanes last."""

    def __init__(self) -> None:
        self.last = Assignment()
        self._told = asyncio.Event()

    def apply(self, assignment: Assignment) -> None:
        self.last = assignment
        self._told.set()

    async def until(self, condition: Callable[[Assignment], bool]) -> None:
        async with asyncio.timeout(5):
            while not condition(self.last):
                self._told.clear()
                await self._told.wait()

    @property
    def consumers(self) -> set[str]:
        return {lane.consumer for lane in self.last.lanes}


@contextlib.asynccontextmanager
async def dispatching(connection: bus.Bus) -> AsyncIterator[Applied]:
    applied = Applied()
    jobs = kv.KvView(connection, subjects.JOBS, contracts.decode_job)
    holders = kv.KvView(connection, subjects.LEASES, contracts.decode_lease)
    dispatch = Dispatch(connection, "w", jobs, holders, (), applied.apply)
    async with asyncio.TaskGroup() as group:
        running = [group.create_task(each.run()) for each in (jobs, holders, dispatch)]
        yield applied
        for task in running:
            task.cancel()


async def test_lanes_come_and_go_with_jobs_and_shards(connection: bus.Bus) -> None:
    async with dispatching(connection) as applied:
        await put_job(connection, job(JOB, URL))
        await applied.until(lambda found: bool(found.endpoints))
        assert applied.consumers == set()

        for shard in ("eu", "us"):
            subject = subjects.samples(ShardRef(JOB, shard))
            await batches.append(connection, subject, b"1", {})
        await applied.until(lambda found: len(found.lanes) == 2)
        assert applied.consumers == {"t_j_eu_0", "t_j_us_0"}

        await kv.delete(connection, subjects.JOBS, subjects.job_key(JOB))
        await applied.until(lambda found: not found.endpoints)
        assert applied.consumers == set()


async def test_lanes_are_shared_out_when_members_come(connection: bus.Bus) -> None:
    shards = [ShardRef(JOB, f"s{n}") for n in range(12)]
    for shard in shards:
        await batches.append(connection, subjects.samples(shard), b"1", {})
    await put_job(connection, job(JOB, URL))

    async with dispatching(connection) as applied:
        await applied.until(lambda found: len(found.lanes) == 12)
        for member in "abcdef":
            await kv.put(
                connection,
                subjects.LEASES,
                subjects.member_lease("writer", member),
                contracts.encode(contracts.LeaseHolder(instance=member)),
            )
        await applied.until(lambda found: len(found.lanes) < 8)

    assert applied.last.lanes
