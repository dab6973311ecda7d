"""Which shards of which jobs this instance prefers to collect; pure.

Every job is collected once from every HA set. Rendezvous hashing over the live instances says who
prefers which shard; the lease, and in the end the stream itself, see to it that there is only one.
"""

from collections.abc import Iterable, Mapping

from tenantry_common import rendezvous
from tenantry_common.contracts import Backend, DeliveryJob
from tenantry_common.subjects import JobRef, ShardRef

type HaSet = tuple[Backend, ...]
"""The backends that hold the same data, ordered by their ids."""


def ha_sets(backends: Iterable[Backend]) -> dict[str, HaSet]:
    """Return the backends to collect from, by HA set.

    A backend that sees all data (`role: global`) is left out: it would deliver every sample a
    second time, and most of them serve no remote read.
    """
    found: dict[str, list[Backend]] = {}
    for backend in sorted(backends, key=lambda backend: backend.id):
        if backend.role == "replica":
            found.setdefault(backend.ha_set, []).append(backend)
    return {name: tuple(members) for name, members in found.items()}


def reference(job: DeliveryJob) -> JobRef:
    """Return what names `job` in subjects and keys."""
    return JobRef(job.tenant, job.name)


def preferred(
    jobs: Mapping[str, DeliveryJob],
    sets: Iterable[str],
    members: Iterable[str],
    instance: str,
) -> frozenset[ShardRef]:
    """Return the shards that `instance` should collect, given the live `members`.

    Jobs whose samples are pushed by clusters are nobody's.
    """
    alive = tuple(members)
    pulled = [job for job in jobs.values() if job.push is None]
    shards = (ShardRef(reference(job), name) for name in sorted(sets) for job in pulled)
    return frozenset(
        shard for shard in shards if rendezvous.owners(str(shard), alive) == (instance,)
    )


def order(ha_set: HaSet, shard: ShardRef, current: str) -> HaSet:
    """Return the replicas in the order in which they are asked for one window.

    The one that answered the last window (`current`) stays first, healthy or not, because each
    replica scrapes at other moments; a new shard prefers a replica by its name, to spread the load.
    Replicas that discovery calls unhealthy come last.
    """
    ranking = rendezvous.owners(str(shard), [one.id for one in ha_set], len(ha_set))
    rank = {name: place for place, name in enumerate(ranking)}
    return tuple(sorted(ha_set, key=lambda b: (b.id != current, not b.healthy, rank[b.id])))
