"""Which backends may answer a tenant, shard by shard, and in which order they are tried; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

import tenantry_promql as promql
from query_gateway.failures import Failure
from tenantry_common import rendezvous
from tenantry_common.contracts import Backend


@dataclass(frozen=True, kw_only=True)
class Route:
    """Backends any of which holds everything of one shard, or everything there is."""

    shard: str = ""
    """The HA set; empty for global backends."""
    candidates: tuple[Backend, ...]
    """The healthy ones, the preferred one first: the same for every request of a tenant, so that its
    graphs do not jump between replicas and the backend's caches stay warm. None while all are down."""
    upstream: promql.Upstream
    """What holds for all of them: a rewriting must be exact on whichever answers."""
    reaches: int | None = None
    """Time of the oldest sample that some replica, healthy or not, is known to hold; None where there
    are not two to compare. Only then it matters that a process is the one that discovery saw."""
    cluster: str = ""
    """The cluster whose series all replicas hold; empty where they do not all say the same."""
    takes_filters: bool = False
    """Whether all of them restrict queries by `extra_filters[]`."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Labels that every series of the shard is stored with, as far as the operator says so."""


def routes(
    tenant: str, known: Sequence[Backend], shard_labels: Sequence[str] = ()
) -> tuple[Route, ...]:
    """Return a route for each shard among the `known` backends; at least one.

    A HA set that is down has its route too: without it the others are not everything.
    `shard_labels` names the labels of backends that their series are stored with. Raises `Failure`
    when there is no backend, or none of the only shard that answers.
    """
    everything = [backend for backend in known if backend.role == "global"]
    if everything:
        found: tuple[Route, ...] = (_route(tenant, "", everything, ()),)
    else:
        sets: dict[str, list[Backend]] = {}
        for backend in known:
            sets.setdefault(backend.ha_set, []).append(backend)
        found = tuple(
            _route(tenant, shard, sets[shard], shard_labels if len(sets) > 1 else ())
            for shard in sorted(sets)
        )
    if not found or (len(found) == 1 and not found[0].candidates):
        raise Failure("backends", "no Prometheus backend is available")
    return found


def _route(tenant: str, shard: str, members: Sequence[Backend], labels: Sequence[str]) -> Route:
    healthy = {backend.id: backend for backend in members if backend.healthy}
    order = rendezvous.owners(tenant, healthy, len(healthy))
    candidates = tuple(healthy[name] for name in order)
    oldest = [one.oldest_ms for one in members if one.oldest_ms is not None]
    reaches = min(oldest) if len(oldest) > 1 else None
    if reaches is None:
        candidates = tuple(replace(one, started="") for one in candidates)
    clusters = {one.cluster for one in members}
    told = {**members[0].external_labels, **members[0].labels}
    return Route(
        shard=shard,
        candidates=candidates,
        upstream=strictest(candidates or members),
        reaches=reaches,
        takes_filters=all(one.product == "victoriametrics" for one in members),
        cluster=clusters.pop() if len(clusters) == 1 else "",
        labels={name: told[name] for name in labels if name in told},
    )


def strictest(candidates: Sequence[Backend]) -> promql.Upstream:
    """Return the properties that every candidate has. An unknown version counts as the oldest."""
    traits = [backend.traits for backend in candidates]
    if not traits or any(one.major == 0 for one in traits):
        return promql.Upstream.strictest()
    return promql.Upstream(
        major=min(one.major for one in traits),
        label_replace_keeps_histograms=all(one.label_replace_keeps_histograms for one in traits),
        delayed_name_removal=all(one.delayed_name_removal for one in traits),
        experimental_functions=all(one.experimental_functions for one in traits),
        immediate_name_removal=all(one.immediate_name_removal for one in traits),
        info_over_unions=all(one.info_over_unions for one in traits),
    )
