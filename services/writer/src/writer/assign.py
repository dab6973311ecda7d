"""Decide which lanes this instance asks for; pure.

A lane is one shard's way to one endpoint. The two preferred owners of a lane both ask: when one is
killed, its batch goes to the other after `ack_wait` and the next ones at once, without waiting for
the membership to notice. Order does not rest on who asks, see `batches.OrderedPull`.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tenantry_common import contracts, rendezvous, subjects
from tenantry_common.subjects import JobRef, ShardRef
from writer import allow
from writer.protocol import Protocol

_ASKERS = 2


@dataclass(frozen=True, kw_only=True)
class Lane:
    """One shard's way to one endpoint: a consumer, a loop, one batch at a time."""

    shard: ShardRef
    endpoint: contracts.Endpoint
    """As the job has it: when anything of it changes, it is another lane on the same consumer."""
    protocol: Protocol = "1.0"
    """Of the job; kept only where it matters, which is not at a Pushgateway."""
    interval_ms: int = 0
    """Of the job; kept only where it matters, which is at a Pushgateway."""
    pushed: bool = False
    """Whether clusters push the samples, so that no source can be asked for them again."""

    def __hash__(self) -> int:  # an endpoint holds a dict
        return hash((self.shard, self.endpoint.id))

    @property
    def consumer(self) -> str:
        """Name of the durable consumer."""
        return subjects.writer_consumer(self.shard, self.endpoint.id)


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """An endpoint that gets nothing, and why; for the report."""

    job: JobRef
    endpoint: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """What this instance does, and what is there to be done by anybody."""

    lanes: frozenset[Lane] = frozenset()
    """Lanes that this instance asks for."""
    endpoints: Mapping[tuple[JobRef, str], contracts.Endpoint] = field(default_factory=dict)
    """All endpoints, by job and id, that batches may be delivered to."""
    refusals: tuple[Refusal, ...] = ()
    """Endpoints that get nothing; each is named by one instance only."""

    def permits(self, lane: Lane) -> bool:
        """Return whether anybody may go on delivering on `lane`; if not, it stops at once."""
        return self.endpoints.get((lane.shard.job, lane.endpoint.id)) == lane.endpoint


def assign(
    jobs: Collection[contracts.DeliveryJob],
    shards: Iterable[ShardRef],
    members: Iterable[str],
    instance: str,
    allowed: Sequence[allow.Pattern],
) -> Assignment:
    """Return what `instance` does, given the live `members`, to which it always counts itself."""
    everybody = {*members, instance}
    endpoints: dict[tuple[JobRef, str], contracts.Endpoint] = {}
    refusals: list[Refusal] = []
    for job in jobs:
        ref = JobRef(job.tenant, job.name)
        for endpoint in job.endpoints:
            reason = allow.refusal(endpoint, allowed)
            if not reason:
                endpoints[ref, endpoint.id] = endpoint
            elif instance in rendezvous.owners(f"{ref}/{endpoint.id}", everybody):
                refusals.append(Refusal(job=ref, endpoint=endpoint.id, reason=reason))
    lanes = _lanes(endpoints, shards, {JobRef(job.tenant, job.name): job for job in jobs})
    return Assignment(
        lanes=frozenset(lane for lane in lanes if _asks(lane, everybody, instance)),
        endpoints=endpoints,
        refusals=tuple(refusals),
    )


def _lanes(
    endpoints: Mapping[tuple[JobRef, str], contracts.Endpoint],
    shards: Iterable[ShardRef],
    jobs: Mapping[JobRef, contracts.DeliveryJob],
) -> Iterable[Lane]:
    of_job: dict[JobRef, list[contracts.Endpoint]] = {}
    for (job, _), endpoint in endpoints.items():
        of_job.setdefault(job, []).append(endpoint)
    for shard in shards:
        for endpoint in of_job.get(shard.job, ()):
            asked = jobs[shard.job]
            lane = Lane(shard=shard, endpoint=endpoint, pushed=asked.push is not None)
            if endpoint.kind == "pushgateway":
                yield replace(lane, interval_ms=asked.interval_ms)
            else:
                yield replace(lane, protocol=asked.protocol)


def _asks(lane: Lane, everybody: Collection[str], instance: str) -> bool:
    if lane.endpoint.kind in ("pushgateway", "telemeter"):  # its shards share what is sent
        return instance in rendezvous.owners(group_key(lane.shard.job, lane.endpoint), everybody)
    return instance in rendezvous.owners(lane.consumer, everybody, _ASKERS)


def group_key(job: JobRef, endpoint: contracts.Endpoint) -> str:
    """Return what decides which instance keeps the group of `job` at a Pushgateway."""
    return subjects.push_key(job, endpoint.id)
