"""Reports are found by the job that they are about."""

import asyncio
from collections.abc import Collection

import msgspec

from tenant_controller.reported import Reported
from tenantry_common import contracts, kv, subjects
from tenantry_common.contracts import Report
from tenantry_common.subjects import JobRef
from tenantry_common.testing import ready_bus
from tenantry_local.nats_server import NatsServer

A, B = JobRef("team-a", "x.y"), JobRef("team-b", "z")


def report(job: JobRef, instance: str, at_ms: int = 1) -> Report:
    return Report(
        tenant=job.tenant, job=job.name, component="writer", instance=instance, at_ms=at_ms
    )


async def test_reports_are_found_by_job_and_changes_are_told(
    fresh_nats_server: NatsServer,
) -> None:
    told: asyncio.Queue[set[JobRef]] = asyncio.Queue()

    def note(jobs: Collection[JobRef]) -> None:
        told.put_nowait(set(jobs))

    async def put(made: Report) -> None:
        key = subjects.report_key(JobRef(made.tenant, made.job), made.component, made.instance)
        await kv.put(connection, subjects.REPORTS, key, contracts.encode(made))

    async with ready_bus(fresh_nats_server.url) as connection, asyncio.TaskGroup() as group:
        await put(report(A, "w-0"))
        reported = Reported(connection, note)
        task = group.create_task(reported.run())
        assert await asyncio.wait_for(told.get(), 30) == {A}

        await put(report(A, "w-1"))
        assert await asyncio.wait_for(told.get(), 30) == {A}
        await put(report(B, "w-1"))
        assert await asyncio.wait_for(told.get(), 30) == {B}
        assert reported.of(A) == (report(A, "w-0"), report(A, "w-1"))

        newer = msgspec.structs.replace(report(B, "w-1"), at_ms=2)
        await put(newer)
        assert await asyncio.wait_for(told.get(), 30) == {B}
        assert reported.of(B) == (newer,)

        key = subjects.report_key(A, "writer", "w-0")
        await kv.delete(connection, subjects.REPORTS, key)
        assert await asyncio.wait_for(told.get(), 30) == {A}
        assert reported.of(A) == (report(A, "w-1"),)
        task.cancel()
