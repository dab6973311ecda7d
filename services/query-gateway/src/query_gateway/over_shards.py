"""Answer what is spread over several shards: ask each for its part, and put the answers together."""

import functools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple

import msgspec

import tenantry_promql as promql
from query_gateway import (
    answers,
    config,
    endpoints,
    limits,
    responses,
    times,
    together,
    unions,
    whole_answers,
)
from query_gateway.budget import Budget
from query_gateway.calls import NDJSON, Call
from query_gateway.endpoints import Endpoint
from query_gateway.failures import Failure
from query_gateway.parameters import Arguments
from query_gateway.permission import Permission
from query_gateway.route import Route
from query_gateway.shards import assembly, families, found_names, plans, routing
from query_gateway.shards.answers_json import Grid
from query_gateway.shards.assembly import Wanted
from query_gateway.shards.frames import EvaluationError, Uncomputable
from query_gateway.stepwise import Stepwise
from query_gateway.upstream import Conversation, Upstream, read_aside

SEARCH_TYPE = f"{NDJSON}; charset=utf-8"
"""The content type of what the search endpoints answer."""


class Reply(NamedTuple):
    """What the tenant is answered."""

    body: bytes
    content_type: str = responses.JSON


class Typed(NamedTuple):
    """What one shard answered."""

    bodies: list[bytes]
    content_type: str


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """What a tenant asks of all shards."""

    endpoint: Endpoint
    arguments: Arguments
    limits: config.TenantLimits
    permission: Permission
    rules: promql.RuleSet
    """Those that count for what all shards answer together."""
    now: float
    """Seconds since the epoch, at which is evaluated what says no time."""

    @property
    def query(self) -> str:
        """The expression, where the endpoint takes one."""
        return self.arguments.single.get(endpoints.QUERY, "")

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
        if not asked.endpoint.takes_query:
            return None
        return routing.only(asked.query, routes, limits.for_promql(asked.limits))

    async def answer(self, asked: Ask, routes: Sequence[Route], calls: Calls) -> Reply:
        """Return the answer. Raises `Failure`, and `answers.Violation`."""
        kind = asked.endpoint.answer
        if kind == "stream":
            return Reply(await self._query(asked, routes, calls))
        if kind == "search":
            searched = found_names.asked(asked.arguments.single)
            asked_for = msgspec.structs.replace(asked.arguments, single=searched)
        else:
            asked_for = asked.arguments
        wanted = [(one, calls(asked_for, one)) for one in routes]
        together.check_number(sum(len(some) for _, some in wanted), asked.limits)
        budget = Budget(asked.limits.buffered_bytes)
        tasks = {one.shard: self._typed(asked, one, some, budget) for one, some in wanted}
        found = await self._together(asked, tasks, str)
        parts = list(found.answers.values())
        try:
            unite = functools.partial(_united, asked, parts, found.warnings)
            return await read_aside(unite, budget.used)
        except answers.NotAnAnswer:
            raise Failure("backends", "a backend answered something else") from None

    async def _query(self, asked: Ask, routes: Sequence[Route], calls: Calls) -> bytes:
        plan = routing.plan(asked.query, routes, limits.for_promql(asked.limits))
        grid, moment = _grid(asked)
        by_shard = {one.shard: one for one in routes}
        wanted = assembly.wanted(plan, tuple(by_shard))
        together.check_number(len(wanted), asked.limits)
        requests = []
        for one in wanted:  # all are built, or refused, before anything is asked
            single = {**moment, endpoints.QUERY: one.fetch.query}
            arguments = msgspec.structs.replace(asked.arguments, single=single)
            route = routing.anywhere(routes) if one.fetch.merge == "any" else by_shard[one.shard]
            requests.append((one, route, calls(arguments, route)))
        budget = Budget(asked.limits.buffered_bytes)
        tasks = {
            one: self._part(
                asked,
                route,
                some,
                one,
                functools.partial(assembly.check, plan, one.fetch, grid=grid),
                budget,
            )
            for one, route, some in requests
        }
        found = await self._together(asked, tasks, lambda one: one.shard)
        if {one.fetch for one in found.answers} != {one.fetch for one in wanted}:
            raise Failure("backends", "no shard answered a part of the query")
        return await self._assembled(asked, plan, found, grid)

    async def _assembled(
        self, asked: Ask, plan: plans.Plan, found: together.Found[Wanted, bytes], grid: Grid
    ) -> bytes:
        size = sum(map(len, found.answers.values()))
        limit = asked.arguments.limit
        put = functools.partial(assembly.assembled, plan, found.answers, grid, limit=limit)
        try:
            body = await read_aside(put, size)
        except EvaluationError as error:
            raise Failure("upstream_execution", str(error)) from error
        except Uncomputable as error:
            text = f"this query over several shards is refused because {error}"
            raise Failure("refused", text) from error
        except answers.NotAnAnswer:
            raise Failure("backends", "a backend answered something else") from None
        return unions.with_warnings(body, found.warnings) if found.warnings else body

    async def _part(
        self,
        asked: Ask,
        route: Route,
        calls: tuple[Call, ...],
        wanted: Wanted,
        check: Callable[[bytes], None],
        budget: Budget,
    ) -> bytes:
        """Ask one shard for one query. Raises `Failure`."""
        if self._stepwise is not None and asked.endpoint.name == "query_range":
            body = await self._stepwise.answer(
                route.candidates,
                calls[0],
                query=wanted.fetch.query,
                rules=asked.permission.within(route.cluster).digest,
                own=asked.limits,
            )
            if body is not None:
                budget.take(len(body))
                return body

        def read(bodies: list[bytes]) -> bytes:
            # The pieces of a range selector, which one shard answers, are one answer.
            one = bodies[0] if len(bodies) == 1 else answers.matrices(bodies, 0, lambda _: True)
            check(one)
            return one

        return await self._upstream.ask(
            route.candidates, calls, budget, read, seconds=asked.limits.timeout_seconds
        )

    async def _typed(
        self, asked: Ask, route: Route, calls: tuple[Call, ...], budget: Budget
    ) -> Typed:
        """Return one shard's answers to all calls, and of which content type the last is. Raises `Failure`."""

        async def talk(conversation: Conversation) -> Typed:
            bodies = [await conversation.ask(call) for call in calls]
            typed = Typed(bodies, conversation.content_type)
            await conversation.read(lambda: _check(asked.endpoint, typed))
            return typed

        return await self._upstream.converse(
            route.candidates, budget, talk, seconds=asked.limits.timeout_seconds
        )

    async def _together[K, T](
        self, asked: Ask, asking: Mapping[K, Awaitable[T]], shard: Callable[[K], str]
    ) -> together.Found[K, T]:
        return await together.ask(
            asking, shard, seconds=asked.limits.shard_seconds, is_partial=asked.is_partial
        )


def _check(endpoint: Endpoint, one: Typed) -> None:
    """Raise NotAnAnswer for what is none; another replica may have one."""
    match endpoint.answer:
        case "federation":
            families.united(one.bodies, one.content_type)
        case "search":
            found_names.read(one.bodies[0])
        case _:
            unions.check(one.bodies)


def _united(asked: Ask, parts: Sequence[Typed], missing: Sequence[str]) -> Reply:
    """Return one answer from those of all shards. Raises `Failure`, Violation and NotAnAnswer."""
    kind = asked.endpoint.answer
    bodies = [one.bodies[0] for one in parts]
    if kind == "federation":
        types = {one.content_type for one in parts}
        if len(types) > 1:
            text = "the shards answer in different formats; ask for text/plain"
            raise Failure("refused", text)
        (content_type,) = types
        return Reply(families.united(bodies, content_type), content_type)
    if kind == "search":
        permitted = whole_answers.found_names(asked.arguments, asked.endpoint.name, asked.rules)
        body = found_names.united(bodies, asked.arguments.single, permitted, missing)
        return Reply(body, SEARCH_TYPE)
    united = unions.united(kind, [one.bodies for one in parts])
    body = whole_answers.body(kind, asked.arguments, asked.rules, united)
    return Reply(unions.with_warnings(body, missing) if missing else body)


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
