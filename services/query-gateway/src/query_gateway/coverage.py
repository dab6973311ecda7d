"""Which replicas hold everything that a request reads: one that lost its database answers as readily; pure.

A replica is not asked for what another one of its set holds more of. Replicas begin to scrape and delete
old blocks at different times, so a tenth of the age of the oldest sample, or a minute, makes no
difference.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence

import tenantry_promql as promql
from query_gateway import endpoints, limits, times
from query_gateway.config import TenantLimits
from query_gateway.endpoints import Endpoint
from query_gateway.failures import Failure
from query_gateway.parameters import Arguments
from query_gateway.route import Route

EVER = -(1 << 62)
"""As the time from which a request reads: all that there is."""

_HOUR = 3_600_000
_SLACK = 10
"""Which part of the age of the oldest sample makes no difference."""
_LEAST_SLACK = 60_000
"""Milliseconds that never do."""
_LOOKBACK = 300_000
"""Milliseconds that servers look back for the newest sample, unless they are told otherwise."""


def covering(
    routes: Sequence[Route],
    endpoint: Endpoint,
    arguments: Arguments,
    own: TenantLimits,
    now: float,
) -> tuple[Route, ...]:
    """Return the routes without the replicas that hold too little; some of several may be left without any.

    `now` is in seconds since the epoch. Raises `Failure` for times that are none, and where nobody is
    left.
    """
    now_ms = round(now * 1000)
    if not any(_thin(one, now_ms) for one in routes):
        return tuple(routes)
    since = _since(endpoint, arguments, own, now_ms)
    found = tuple(_narrowed(one, since, now_ms) for one in routes)
    if len(found) == 1 and not found[0].candidates:
        text = "the replicas that hold samples from so long ago are away; ask for a later time"
        raise Failure("backends", text)
    return found


def _thin(route: Route, now: int) -> frozenset[str]:
    """Return the candidates that hold less than the fullest one of their set."""
    enough = _enough(route, now)
    return frozenset(
        one.id
        for one in route.candidates
        if enough is not None and one.oldest_ms is not None and one.oldest_ms > enough
    )


def _enough(route: Route, now: int) -> int | None:
    """Return the time from which on a replica is to hold everything, None where nothing compares."""
    if route.reaches is None or route.reaches >= now:
        return None
    return route.reaches + max((now - route.reaches) // _SLACK, _LEAST_SLACK)


def _narrowed(route: Route, since: int, now: int) -> Route:
    thin = _thin(route, now)
    kept = tuple(
        one
        for one in route.candidates
        if one.id not in thin or (one.oldest_ms is not None and one.oldest_ms <= since)
    )
    return dataclasses.replace(route, candidates=kept)


def _since(endpoint: Endpoint, arguments: Arguments, own: TenantLimits, now: int) -> int:
    """Return the earliest time at which a request reads samples, in milliseconds."""
    single = arguments.single
    if endpoint.answer == "stream":
        start, end = _evaluated(endpoint, single, now)
        try:
            tree = promql.parse_tree(single.get(endpoints.QUERY, ""), limits=limits.for_promql(own))
        except promql.PromQLError:
            return EVER  # it is refused later, or computes its own durations
        delta = times.step_seconds(single["lookback_delta"]) if "lookback_delta" in single else 0.0
        return earliest(tree, start, end) - max(_LOOKBACK, round(delta * 1000))
    if "start" in endpoint.passed:
        return times.milliseconds("start", single["start"]) if "start" in single else EVER
    # Remote read says its times in its message; what else there is tells of the present.
    return EVER if endpoint.takes_message else now - _HOUR


def _evaluated(endpoint: Endpoint, single: Mapping[str, str], now: int) -> tuple[int, int]:
    """Return the first and the last time at which a query is evaluated."""
    if endpoints.TIME in endpoint.passed:
        at = single.get(endpoints.TIME)
        moment = now if at is None else times.milliseconds(endpoints.TIME, at)
        return moment, moment
    start, end = (times.milliseconds(name, single.get(name, "")) for name in ("start", "end"))
    return start, end


def earliest(tree: Mapping[str, object], start: int, end: int) -> int:
    """Return the earliest time for which a query asks, evaluated from `start` to `end` (milliseconds).

    `tree` is what `promql.parse_tree` returns. Without selectors it is `start`.
    """

    def of(node: Mapping[str, object], first: int) -> int:
        moved = first
        if "offset" in node:
            moved = _moved(node, first, start, end)
        return min([moved, *(of(child, moved) for child in _children(node))])

    return of(tree, start)


def _moved(node: Mapping[str, object], first: int, start: int, end: int) -> int:
    """Return the beginning of what a selector or subquery covers, evaluated from `first` on."""
    at = node["timestamp"]
    if at is not None:
        first = _number(at)
    elif node["startOrEnd"] is not None:
        first = start if node["startOrEnd"] == "start" else end
    return first - _number(node.get("range")) - _number(node["offset"])


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _children(node: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    for value in node.values():
        for one in value if isinstance(value, list) else (value,):
            if isinstance(one, dict) and "type" in one:
                yield one
