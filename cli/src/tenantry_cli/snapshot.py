"""Read once from NATS what the services published: the input of `tenantry status`."""

from collections.abc import Callable
from dataclasses import dataclass

import nats.js.errors

from tenantry_common import batches, bus, contracts, errors, kv, subjects
from tenantry_common.subjects import ShardRef


@dataclass(frozen=True, kw_only=True)
class Cursor:
    """Where the delivery of one shard of a job to one endpoint stands."""

    shard: ShardRef
    endpoint: str
    waiting: int
    """Batches on the stream that the endpoint does not have yet; -1: no writer asked so far."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """The estate as NATS shows it at one moment."""

    backends: tuple[contracts.Backend, ...]
    policies: tuple[contracts.TenantPolicy, ...]
    jobs: tuple[contracts.DeliveryJob, ...]
    reports: tuple[contracts.Report, ...]
    cursors: tuple[Cursor, ...]
    unreadable: tuple[str, ...]
    """Keys whose value this version of the command cannot read."""


async def take(connection: bus.Bus) -> Snapshot:
    """Read everything. Raises `errors.BusUnavailable` with what could not be read."""
    unreadable: list[str] = []

    async def bucket[T](name: str, decode: Callable[[bytes], T]) -> tuple[T, ...]:
        return tuple(await _bucket(connection, name, decode, unreadable))

    jobs = await bucket(subjects.JOBS, contracts.decode_job)
    return Snapshot(
        backends=await bucket(subjects.BACKENDS, contracts.decode_backend),
        policies=await bucket(subjects.POLICIES, contracts.decode_policy),
        jobs=jobs,
        reports=await bucket(subjects.REPORTS, contracts.decode_report),
        cursors=tuple(await _cursors(connection, jobs)),
        unreadable=tuple(unreadable),
    )


async def _bucket[T](
    connection: bus.Bus, name: str, decode: Callable[[bytes], T], unreadable: list[str]
) -> list[T]:
    found: list[T] = []
    for key, value in sorted((await kv.contents(connection, name)).items()):
        try:
            found.append(decode(value))
        except (errors.Undecodable, errors.NewerSchema) as error:
            unreadable.append(f"{name}/{key}: {error}")
    return found


async def _cursors(connection: bus.Bus, jobs: tuple[contracts.DeliveryJob, ...]) -> list[Cursor]:
    seen = await batches.subjects_of(connection, subjects.SAMPLES, subjects.SAMPLES_SUBJECTS)
    shards = sorted(subjects.parse_samples(subject) for subject in seen)
    found: list[Cursor] = []
    for job in jobs:
        for shard in shards:
            if shard.job != (job.tenant, job.name):
                continue
            for endpoint in job.endpoints:
                waiting = await _waiting(connection, shard, endpoint.id)
                found.append(Cursor(shard=shard, endpoint=endpoint.id, waiting=waiting))
    return found


async def _waiting(connection: bus.Bus, shard: ShardRef, endpoint: str) -> int:
    name = subjects.writer_consumer(shard, endpoint)
    with bus.translated(f"consumer {name}"):
        try:
            info = await connection.js.consumer_info(subjects.SAMPLES, name)
        except nats.js.errors.NotFoundError:
            return -1
    return (info.num_pending or 0) + (info.num_ack_pending or 0)
