"""Answer what is spread over several shards: ask each for its part, and put the answers together."""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec

import tenantry_promql as promql
from query_gateway import (
    answers,
    config,
    endpoints,
    enforce,
    limits,
    times,
    unions,
    whole_answers,
)
from query_gateway.calls import Call
from query_gateway.endpoints import Endpoint
from query_gateway.failures import Failure, Kind
from query_gateway.parameters import Arguments
from query_gateway.route import Route
from query_gateway.shards import assembly, planner, plans, targets
from query_gateway.shards.answers_json import Grid
from query_gateway.shards.assembly import Wanted
from query_gateway.shards.frames import EvaluationError, Uncomputable
from query_gateway.stepwise import Stepwise
from query_gateway.upstream import Upstream, read_aside
from tenantry_promql.rewrite import read_permitted
from tenantry_promql.syntax import Node

_NOT_UNITED = frozenset(("federation", "search", "remote read"))
_MISSING: frozenset[Kind] = frozenset(("backends", "timeout"))
_FIRST: Sequence[Kind] = ("upstream_bad_data", "syntax", "refused", "limit", "upstream_execution")
"""The kinds of failure that say most about the query, before those about servers."""


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """What a tenant asks of all shards."""

    endpoint: Endpoint
    arguments: Arguments
    limits: config.TenantLimits
    rules: promql.RuleSet
    now: float
    """Seconds since the epoch, at which is evaluated what says no time."""

    @property
    def is_partial(self) -> bool:
        """Whether an answer without some shards will do."""
        return self.arguments.single.get(endpoints.PARTIAL) == "true"


type Calls = Callable[[Arguments, Route], tuple[Call, ...]]
"""Builds the requests to one shard that answer arguments from what is permitted."""


class OverShards:
    """The endpoints over several shards."""

    def __init__(self, upstream: Upstream, stepwise: Stepwise | None) -> None:
        self._upstream = upstream
        self._stepwise = stepwise

    def whole(self, asked: Ask, routes: Sequence[Route]) -> Route | None:
        """Return the shard that answers a query as it is, None where several have to. Raises `Failure`."""
        if not asked.endpoint.takes_query or not any(one.labels for one in routes):
            return None
        labels = {one.shard: one.labels for one in routes}
        found = targets.possible(_tree(asked, routes), labels)
        return next(one for one in routes if one.shard == found[0]) if len(found) == 1 else None

    async def answer(self, asked: Ask, routes: Sequence[Route], calls: Calls) -> bytes:
        """Return the body of the answer. Raises `Failure`, and `answers.Violation`."""
        kind = asked.endpoint.answer
        if kind in _NOT_UNITED:
            raise Failure(
                "refused",
                f"the data is spread over {len(routes)} shards, and {asked.endpoint.path} is not put "
                "together from several; ask for a query, or a backend of role global",
            )
        if kind == "stream":
            return await self._query(asked, routes, calls)
        tasks = {one.shard: self._ask(asked, one, calls(asked.arguments, one)) for one in routes}
        found, missing = await self._together(asked, tasks)
        united = unions.united(kind, list(found.values()))
        body = whole_answers.body(kind, asked.arguments, asked.rules, united)
        return unions.with_warnings(body, missing) if missing else body

    async def _query(self, asked: Ask, routes: Sequence[Route], calls: Calls) -> bytes:
        with enforce.explained("query"):
            plan = planner.plan(_tree(asked, routes), _strictest(routes))
        grid, moment = _grid(asked)
        by_shard = {one.shard: one for one in routes}
        wanted = assembly.wanted(plan, tuple(by_shard))
        if len(wanted) > asked.limits.upstream_queries:
            raise Failure(
                "limit",
                f"the limit upstream_queries is {asked.limits.upstream_queries}, and this query would "
                f"need {len(wanted)}; simplify it",
            )
        tasks = {}
        for one in wanted:
            single = {**moment, endpoints.QUERY: one.fetch.query}
            arguments = msgspec.structs.replace(asked.arguments, single=single)
            route = _anywhere(routes) if one.fetch.merge == "any" else by_shard[one.shard]
            tasks[one] = self._ask(asked, route, calls(arguments, route), one.fetch.query)
        found, missing = await self._together(asked, tasks, shard=lambda one: one.shard)
        if {one.fetch for one in found} != {one.fetch for one in wanted}:
            raise Failure("backends", "no shard answered a part of the query")
        bodies = {one: _one(parts) for one, parts in found.items()}
        return await self._assembled(asked, plan, bodies, grid, missing)

    async def _assembled(
        self,
        asked: Ask,
        plan: plans.Plan,
        bodies: Mapping[Wanted, bytes],
        grid: Grid,
        missing: Sequence[str],
    ) -> bytes:
        size = sum(map(len, bodies.values()))
        if size > asked.limits.buffered_bytes:
            most = asked.limits.buffered_bytes
            raise Failure("limit", f"the answers are longer than buffered_bytes ({most}) together")
        put = functools.partial(assembly.assembled, plan, bodies, grid, limit=asked.arguments.limit)
        try:
            body = await read_aside(put, size)
        except EvaluationError as error:
            raise Failure("upstream_execution", str(error)) from error
        except Uncomputable as error:
            text = f"this query over several shards is refused because {error}"
            raise Failure("refused", text) from error
        except answers.NotAnAnswer:
            raise Failure("backends", "a backend answered something else") from None
        return unions.with_warnings(body, missing) if missing else body

    async def _ask(
        self, asked: Ask, route: Route, calls: tuple[Call, ...], query: str = ""
    ) -> list[bytes]:
        """Ask one shard. Raises `Failure`."""
        if self._stepwise is not None and query and asked.endpoint.name == "query_range":
            body = await self._stepwise.answer(
                route.candidates, calls[0], query=query, rules=asked.rules.digest, own=asked.limits
            )
            if body is not None:
                return [body]
        return await self._upstream.ask(
            route.candidates,
            calls,
            asked.limits.buffered_bytes,
            unions.check,
            seconds=asked.limits.timeout_seconds,
        )

    async def _together[K](
        self,
        asked: Ask,
        asking: Mapping[K, Awaitable[list[bytes]]],
        shard: Callable[[K], str] = str,
    ) -> tuple[dict[K, list[bytes]], list[str]]:
        """Ask all at once. Return what was answered, and a warning for each shard that is missing.

        Raises the `Failure` that says most, unless the tenant takes what there is.
        """

        async def outcome(answer: Awaitable[list[bytes]]) -> list[bytes] | Failure:
            try:
                return await answer
            except Failure as failure:
                return failure

        async with asyncio.TaskGroup() as group:
            tasks = {one: group.create_task(outcome(answer)) for one, answer in asking.items()}
        outcomes = {one: task.result() for one, task in tasks.items()}
        found = {one: got for one, got in outcomes.items() if not isinstance(got, Failure)}
        failed = {one: got for one, got in outcomes.items() if isinstance(got, Failure)}
        grave = [one for one in failed.values() if one.kind not in _MISSING]
        if grave:
            raise min(grave, key=_rank)
        if failed and not (asked.is_partial and found):
            first, failure = next(iter(failed.items()))
            raise Failure(failure.kind, f"shard {shard(first)}: {failure.text}")
        shards = sorted({shard(one) for one in failed})
        return found, [f"the answer is partial: shard {name} did not answer" for name in shards]


def _rank(failure: Failure) -> int:
    return _FIRST.index(failure.kind) if failure.kind in _FIRST else len(_FIRST)


def _one(parts: list[bytes]) -> bytes:
    """Unite the pieces of a range selector, which one shard answered."""
    return parts[0] if len(parts) == 1 else answers.matrices(parts, 0, lambda _: True)


def _strictest(routes: Sequence[Route]) -> promql.Upstream:
    """Return what holds for every shard. Raises `Failure` where they drop names at different times."""
    if len({one.upstream.delayed_name_removal for one in routes}) > 1:
        text = "some shards run with promql-delayed-name-removal and some without: their answers differ"
        raise Failure("refused", text)
    pairs = zip(*(one.upstream for one in routes), strict=True)
    return promql.Upstream(*(min(values) for values in pairs))


def _anywhere(routes: Sequence[Route]) -> Route:
    """Return the way to whatever backend is there, for what reads no series."""
    candidates = tuple(backend for one in routes for backend in one.candidates)
    return Route(candidates=candidates, upstream=_strictest(routes))


def _tree(asked: Ask, routes: Sequence[Route]) -> Node:
    text = asked.arguments.single.get(endpoints.QUERY, "")
    upstream = _strictest(routes)
    with enforce.explained("query"):
        return read_permitted(text, limits.for_promql(asked.limits), upstream)


def _grid(asked: Ask) -> tuple[Grid, dict[str, str]]:
    """Return the steps of a query, and the parameters that say them and everything else but the query."""
    single = {
        name: value
        for name, value in asked.arguments.single.items()
        if name in asked.endpoint.passed and name != endpoints.LIMIT
    }
    if endpoints.TIME in asked.endpoint.passed:
        text = single.get(endpoints.TIME, f"{asked.now:.3f}")
        at = times.milliseconds(endpoints.TIME, text)
        return Grid(at, 0, 1, is_range=False), {**single, endpoints.TIME: times.written(at)}
    start, end = (times.milliseconds(name, single.get(name, "")) for name in ("start", "end"))
    step = int(times.step_seconds(single.get("step", "")) * 1000)
    if end < start:
        text = 'invalid parameter "end": end timestamp must not be before start time'
        raise Failure("malformed", text)
    if step <= 0:
        raise Failure(
            "malformed",
            'invalid parameter "step": zero or negative query resolution step widths are not '
            "accepted. Try a positive integer",
        )
    more = {
        name: times.written(at) for name, at in (("start", start), ("end", end), ("step", step))
    }
    return Grid(start, step, (end - start) // step + 1, is_range=True), {**single, **more}
