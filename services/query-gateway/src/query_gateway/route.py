"""Which backends may answer a tenant, and in which order they are tried; pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import tenantry_promql as promql
from query_gateway.failures import Failure
from tenantry_common import rendezvous
from tenantry_common.contracts import Backend


@dataclass(frozen=True, kw_only=True)
class Route:
    """Backends any of which holds everything that the query may see."""

    candidates: tuple[Backend, ...]
    """At least one, the preferred one first: the same for every request of a tenant, so that its
    graphs do not jump between replicas and the backend's caches stay warm."""
    upstream: promql.Upstream
    """What holds for all of them: a rewriting must be exact on whichever answers."""


def route(tenant: str, known: Sequence[Backend]) -> Route:
    """Choose among the `known` backends. Raises `Failure` when none could answer exactly."""
    usable = _complete(known)
    healthy = {backend.id: backend for backend in usable if backend.healthy}
    if not healthy:
        raise Failure("backends", "no Prometheus backend is available")
    order = rendezvous.owners(tenant, healthy, len(healthy))
    candidates = tuple(healthy[name] for name in order)
    return Route(candidates=candidates, upstream=strictest(candidates))


def _complete(known: Sequence[Backend]) -> tuple[Backend, ...]:
    """Return the backends each of which holds all data.

    A HA set that is down counts: without it the others are not everything.
    """
    if everything := tuple(backend for backend in known if backend.role == "global"):
        return everything
    sets = sorted({backend.ha_set for backend in known})
    if len(sets) > 1:
        # Merging the answers of shards has its place here: a Route per set, and a way to merge.
        raise Failure(
            "refused",
            f"the data is spread over {len(sets)} sets of backends, and answers of several sets "
            "are not merged by this version; a backend of role global would answer for all",
        )
    return tuple(known)


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
