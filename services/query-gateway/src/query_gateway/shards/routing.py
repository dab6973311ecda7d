"""Where a query over several shards goes: to the one that alone can answer, or to all by a plan; pure."""

from collections.abc import Sequence

import tenantry_promql as promql
from query_gateway.enforce import explained
from query_gateway.failures import Failure
from query_gateway.route import Route
from query_gateway.shards import planner, targets
from query_gateway.shards.plans import Plan
from tenantry_promql.rewrite import read_permitted
from tenantry_promql.syntax import Node


def strictest(routes: Sequence[Route]) -> promql.Upstream:
    """Return what holds for every shard. Raises `Failure` where they drop names at different times."""
    if len({one.upstream.delayed_name_removal for one in routes}) > 1:
        text = "some shards run with promql-delayed-name-removal and some without: their answers differ"
        raise Failure("refused", text)
    pairs = zip(*(one.upstream for one in routes), strict=True)
    return promql.Upstream(*(min(values) for values in pairs))


def only(query: str, routes: Sequence[Route], limits: promql.Limits) -> Route | None:
    """Return the shard in which alone the query can find something, None for several. Raises `Failure`."""
    if not any(one.labels for one in routes):
        return None
    labels = {one.shard: one.labels for one in routes}
    found = targets.possible(_tree(query, routes, limits), labels)
    return next(one for one in routes if one.shard == found[0]) if len(found) == 1 else None


def plan(query: str, routes: Sequence[Route], limits: promql.Limits) -> Plan:
    """Return how the query is put together from all shards. Raises `Failure` where it cannot be."""
    with explained("query"):
        return planner.plan(_tree(query, routes, limits), strictest(routes))


def _tree(query: str, routes: Sequence[Route], limits: promql.Limits) -> Node:
    with explained("query"):
        return read_permitted(query, limits, strictest(routes))


def anywhere(routes: Sequence[Route]) -> Route:
    """Return the way to whatever backend is there, for what reads no series."""
    candidates = tuple(backend for one in routes for backend in one.candidates)
    return Route(candidates=candidates, upstream=strictest(routes))
