"""`tenantry backfill`: ask by hand that endpoints get a span once more from the source, and watch.

The request is the same that a writer puts when the stream went on without an endpoint, see
`contracts.Backfill`; collectors and writers do the work, whether anybody watches or not. A span ends
where the endpoint stands, so that nothing comes to it by two ways.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass

from tenantry_common import batches, bus, contracts, errors, kv, subjects
from tenantry_common.contracts import Backfill, DeliveryJob, Endpoint
from tenantry_common.subjects import JobRef, ShardRef

_LOOK_SECONDS = 0.5


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A request as it is now."""

    request: Backfill
    waiting: int = 0
    """Batches that are published and not delivered yet."""
    gone: bool = False
    """Whether it is not in the bucket any more; `request` is what was seen last."""

    @property
    def is_over(self) -> bool:
        """Whether nothing more is to be expected."""
        return self.gone or self.request.delivered_ms > 0


def reference(text: str) -> JobRef:
    """Return the job that `NAMESPACE/NAME` names. Raises `errors.TenantryError`."""
    tenant, slash, name = text.partition("/")
    if not (tenant and slash and name) or "/" in name:
        raise errors.TenantryError(f"{text!r} is not NAMESPACE/NAME of a MetricAccess")
    return JobRef(tenant, name)


def chosen(job: DeliveryJob, name: str | None) -> tuple[Endpoint, ...]:
    """Return the endpoints to ask for: all, or one by its id or its number in the job.

    Raises `errors.TenantryError` for one that does not exist, or cannot be made up for.
    """
    fitting = tuple(one for one in job.endpoints if one.kind != "pushgateway")
    if name is None:
        if not fitting:
            raise errors.TenantryError(_HOLDS_LATEST if job.endpoints else "it has no endpoints")
        return fitting
    numbered = dict(enumerate(job.endpoints))
    found = next((one for one in job.endpoints if one.id == name), None)
    if found is None and name.isascii() and name.isdigit():
        found = numbered.get(int(name))
    if found is None:
        known = ", ".join(f"{number}: {one.id}" for number, one in numbered.items()) or "none"
        raise errors.TenantryError(f"it has no endpoint {name!r} (known: {known})")
    if found not in fitting:
        raise errors.TenantryError(_HOLDS_LATEST)
    return (found,)


_HOLDS_LATEST = "a Pushgateway holds the latest values only: there is nothing to make up"


async def ask(
    connection: bus.Bus, job: JobRef, name: str | None, since_ms: int, now_ms: int
) -> tuple[Backfill, ...]:
    """Put a request for each shard of `job` and each endpoint asked for; return them.

    Raises `errors.TenantryError` with what is wrong, `errors.BusUnavailable`.
    """
    endpoints = chosen(await _job(connection, job), name)
    found = await batches.subjects_of(connection, subjects.SAMPLES, subjects.samples_of_job(job))
    shards = sorted(subjects.parse_samples(subject) for subject in found)
    requests = [
        Backfill(
            tenant=job.tenant,
            job=job.name,
            shard=shard.shard,
            endpoint=endpoint.id,
            start_ms=now_ms - since_ms,
            end_ms=end_ms,
            at_ms=now_ms,
            by_hand=True,
        )
        for shard in shards
        for endpoint in endpoints
        if (end_ms := await _stands_at(connection, shard, endpoint.id)) > now_ms - since_ms
    ]
    if not requests:
        raise errors.TenantryError(
            "nothing of it has been published since then, so nothing can have been missed"
        )
    for request in requests:
        await kv.put(connection, subjects.BACKFILLS, key_of(request), contracts.encode(request))
    return tuple(requests)


def key_of(request: Backfill) -> str:
    """Return the key in KV `backfills`."""
    return subjects.backfill_key(_shard(request), request.endpoint, request.end_ms)


async def follow(
    connection: bus.Bus, requests: Sequence[Backfill]
) -> AsyncIterator[tuple[Seen, ...]]:
    """Yield what has become of `requests`, twice a second, until all are over."""
    seen = [Seen(request=request) for request in requests]
    while True:
        seen = [one if one.is_over else await _look(connection, one.request) for one in seen]
        yield tuple(seen)
        if all(one.is_over for one in seen):
            return
        await asyncio.sleep(_LOOK_SECONDS)


async def _look(connection: bus.Bus, last: Backfill) -> Seen:
    value = (await kv.entry(connection, subjects.BACKFILLS, key_of(last))).value
    if value is None:
        return Seen(request=last, gone=True)
    request = contracts.decode_backfill(value)
    shard = _shard(request)
    settled = await batches.settled(
        connection,
        subjects.BACKFILL,
        subjects.writer_consumer(shard, request.endpoint),
        subjects.backfill(shard, request.endpoint),
    )
    return Seen(request=request, waiting=settled.waiting)


async def _job(connection: bus.Bus, job: JobRef) -> DeliveryJob:
    value = (await kv.entry(connection, subjects.JOBS, subjects.job_key(job))).value
    if value is None:
        raise errors.TenantryError(
            f"there is no job {job}: is its MetricAccess valid, and remoteWrite enabled? "
            "See tenantry status"
        )
    return contracts.decode_job(value)


async def _stands_at(connection: bus.Bus, shard: ShardRef, endpoint: str) -> int:
    """Return up to when (ms) the endpoint has what is on the stream: what is next comes by itself."""
    subject = subjects.samples(shard)
    consumer = subjects.writer_consumer(shard, endpoint)
    settled = await batches.settled(connection, subjects.SAMPLES, consumer, subject)
    following = await batches.following(connection, subjects.SAMPLES, subject, settled.floor)
    if following is not None:
        return _window(following)[0]
    last = await batches.last(connection, subjects.SAMPLES, subject)
    return _window(last)[1] if last is not None else 0


def _window(message: batches.Stored) -> tuple[int, int]:
    start, end = map(int, message.headers[subjects.HEADER_WINDOW].split("-"))
    return start, end


def _shard(request: Backfill) -> ShardRef:
    return ShardRef(JobRef(request.tenant, request.job), request.shard)


def exit_status(seen: Iterable[Seen]) -> int:
    """Return 0 if the endpoints took everything that there was, else 1."""
    return int(any(one.gone or one.request.refused for one in seen))
