"""Answer an admitted request: ask the core what it means, ask the backends, answer the tenant."""

import contextlib
import functools
import logging
import random
from collections.abc import AsyncIterator, Callable, Sequence

import msgspec

import tenantry_promql as promql
from query_gateway import (
    answers,
    calls,
    config,
    coverage,
    limits,
    local_answers,
    metadata,
    parameters,
    responses,
    search_lines,
    whole_answers,
)
from query_gateway.backends import Backends
from query_gateway.calls import Call
from query_gateway.endpoints import FILTERED, LOCAL, QUERY, Endpoint
from query_gateway.failures import Failure
from query_gateway.inbound.request import Request
from query_gateway.metrics import Metrics
from query_gateway.over_shards import Ask, OverShards
from query_gateway.parameters import Arguments
from query_gateway.permission import Permission
from query_gateway.policies import Policies
from query_gateway.remote_read import RemoteRead
from query_gateway.responses import Reply
from query_gateway.route import Route
from query_gateway.routes import Routes
from query_gateway.stepwise import Stepwise
from query_gateway.streaming import Streaming
from query_gateway.upstream import Upstream, read_aside

_log = logging.getLogger(__name__)

_STREAMED = frozenset({"stream", "federation", "search"})
_CONTENT_TYPES = {"stream": responses.JSON, "search": f"{calls.NDJSON}; charset=utf-8"}
"""Those that are not negotiated."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a tenant asks, once it is known who asks and that there is a place for it."""

    endpoint: Endpoint
    tenant: str
    arguments: Arguments
    limits: config.TenantLimits
    """Those of the tenant."""
    request: Request
    """The one to be answered. Nothing is read from it any more."""


class Exchange:
    """What happens between the tenants' port and the backends."""

    def __init__(
        self,
        *,
        policies: Policies,
        backends: Backends,
        upstream: Upstream,
        metrics: Metrics,
        stepwise: Stepwise | None = None,
        settings: config.Config,
        now: Callable[[], float],
        draw: Callable[[], float] = random.random,
    ) -> None:
        """Take `now`, in seconds since the epoch, and `draw`, which returns a number below 1."""
        self._policies = policies
        self._backends = backends
        self._upstream = upstream
        self._routes = Routes(settings.shard_labels)
        self._stepwise = stepwise
        self._over_shards = OverShards(upstream, stepwise)
        self._metrics = metrics
        self._timeout = settings.upstream.timeout_seconds
        self._checked_share = settings.checked_share
        self._streaming = Streaming(metrics, settings.upstream.stall_seconds)
        self._remote_read = RemoteRead(upstream, self._streaming, settings.limits)
        self._now = now
        self._draw = draw
        self._started = now()

    async def answer(self, asked: Asked) -> Reply | None:
        """Return what the tenant may see now of what is asked; None: it was sent in pieces.

        Raises `Failure`.
        """
        permission = self._policies.permission_of(asked.tenant)
        try:
            return await self._answer(asked, permission)
        except answers.Violation:
            raise self._withheld(asked, permission.anywhere) from None

    async def _answer(self, asked: Asked, permission: Permission) -> Reply | None:
        kind = asked.endpoint.answer
        if kind in LOCAL:
            return self._local(asked, permission)
        known = permission.reached(self._routes.of(asked.tenant, self._backends.known()))
        known = coverage.covering(known, asked.endpoint, asked.arguments, asked.limits, self._now())
        if kind == "remote read":
            granted = [(one, permission.within(one.cluster)) for one in known]
            return await self._remote_read.answer(
                asked.request, asked.arguments.message, granted, asked.limits
            )
        chosen = known[0]
        if len(known) > 1:
            ask = self._ask(asked, permission, known)
            whole = self._over_shards.whole(ask, known)
            if whole is None:
                calls_for = functools.partial(self._part_calls, asked, ask)
                reply = await self._over_shards.answer(ask, known, calls_for)
                return await self._success(asked, ask.rules, reply.body, reply.content_type)
            chosen = whole
        rules = permission.within(chosen.cluster)
        wanted = self._calls(asked, rules, asked.arguments, chosen)
        if kind in _STREAMED and len(wanted) == 1:
            if (body := await self._by_steps(asked, rules, chosen, wanted[0])) is not None:
                return await self._success(asked, rules, body)
            return await self._stream(asked, chosen, wanted[0], rules)
        return await self._whole(asked, chosen, wanted, rules)

    def _local(self, asked: Asked, permission: Permission) -> Reply:
        known = self._backends.known()
        routes: tuple[Route, ...] = ()
        with contextlib.suppress(Failure):  # without a backend there is something to say too
            routes = permission.reached(self._routes.of(asked.tenant, known))
        return responses.success(
            local_answers.body(
                asked.endpoint.answer,
                asked.arguments,
                tenant=asked.tenant,
                permission=permission,
                known=known,
                routes=routes,
                limits=limits.for_promql(asked.limits),
                started=self._started,
            )
        )

    async def _success(
        self,
        asked: Asked,
        rules: promql.RuleSet,
        body: bytes,
        content_type: str = responses.JSON,
    ) -> Reply:
        """Answer with what was put together, a share of it checked once more."""
        if self._is_to_be_checked(asked):
            await read_aside(functools.partial(answers.check, body, rules.matches), len(body))
            self._metrics.checked.labels("permitted").inc()
        return responses.success(body, content_type)

    def _ask(self, asked: Asked, permission: Permission, routes: Sequence[Route]) -> Ask:
        """Return what is asked of all `routes`, with the rules that count for what they answer together."""
        is_filtered = asked.endpoint.answer in FILTERED
        return Ask(
            endpoint=asked.endpoint,
            arguments=asked.arguments,
            limits=asked.limits,
            permission=permission,
            # What is asked for by selectors comes from where they are permitted. What is only cut down
            # to the rules does not say where it comes from.
            rules=permission.common(routes) if is_filtered else permission.anywhere,
            now=self._now(),
        )

    def _part_calls(
        self, asked: Asked, ask: Ask, arguments: Arguments, route: Route
    ) -> tuple[Call, ...]:
        is_filtered = asked.endpoint.answer in FILTERED
        rules = ask.rules if is_filtered else ask.permission.within(route.cluster)
        return self._calls(asked, rules, arguments, route)

    async def _by_steps(
        self, asked: Asked, rules: promql.RuleSet, chosen: Route, call: Call
    ) -> bytes | None:
        """Return the answer to a range query, None where it is to be asked as a whole."""
        if self._stepwise is None or asked.endpoint.name != "query_range":
            return None
        query = asked.arguments.single[QUERY]
        return await self._stepwise.answer(
            chosen.candidates, call, query=query, rules=rules.digest, own=asked.limits
        )

    def _calls(
        self, asked: Asked, rules: promql.RuleSet, arguments: Arguments, chosen: Route
    ) -> tuple[Call, ...]:
        build = functools.partial(parameters.calls, takes_filters=chosen.takes_filters)
        if asked.endpoint.answer in metadata.KINDS:
            build = functools.partial(metadata.calls)
        return build(
            asked.endpoint,
            arguments,
            rules,
            chosen.upstream,
            limits.for_promql(asked.limits),
            now=self._now(),
            timeout=min(self._timeout, asked.limits.timeout_seconds),
        )

    async def _stream(
        self, asked: Asked, chosen: Route, call: Call, rules: promql.RuleSet
    ) -> Reply | None:
        """Pass an answer through as it comes."""
        seconds, most = asked.limits.timeout_seconds, asked.limits.answer_bytes
        async with self._upstream.stream(chosen.candidates, call, seconds=seconds) as answer:
            if answer.length is not None and answer.length > most:
                raise Failure("limit", f"the answer is longer than answer_bytes ({most})")
            content_type = _CONTENT_TYPES.get(asked.endpoint.answer, answer.content_type)
            is_checked = self._is_to_be_checked(asked)
            if answer.is_whole and not is_checked and asked.endpoint.answer != "search":
                return responses.success(answer.first, content_type)
            chunks, length = answer.chunks(), answer.length
            if asked.endpoint.answer == "search":
                permitted = whole_answers.found_names(asked.arguments, asked.endpoint.name, rules)
                chunks, length = search_lines.lines(chunks, permitted), None
            elif is_checked:
                chunks = self._checked(chunks, asked, rules)
            await self._streaming.send(
                asked.request,
                asked.endpoint.name,
                chunks,
                content_type=content_type,
                length=length,
                most=most,
            )
            return None

    def _is_to_be_checked(self, asked: Asked) -> bool:
        """Choose the share of answers that are checked, among those of which that can be said."""
        if asked.endpoint.answer != "stream" or self._draw() >= self._checked_share:
            return False
        return promql.anatomy(asked.arguments.single[QUERY]).keeps_labels

    async def _checked(
        self, chunks: AsyncIterator[bytes], asked: Asked, rules: promql.RuleSet
    ) -> AsyncIterator[bytes]:
        """Yield an answer after it was checked as a whole, unless it is too long for that.

        Raises `Violation` before anything is yielded.
        """
        waiting = bytearray()
        async for chunk in chunks:
            waiting += chunk
            if len(waiting) > asked.limits.buffered_bytes:
                self._metrics.checked.labels("too long").inc()
                break
        else:
            await read_aside(
                functools.partial(answers.check, bytes(waiting), rules.matches), len(waiting)
            )
            self._metrics.checked.labels("permitted").inc()
        yield bytes(waiting)
        async for chunk in chunks:
            yield chunk

    async def _whole(
        self, asked: Asked, chosen: Route, wanted: tuple[Call, ...], rules: promql.RuleSet
    ) -> Reply:
        """Answer with what was read as a whole, checked against the rules once more."""
        read = functools.partial(whole_answers.body, asked.endpoint.answer, asked.arguments, rules)
        body = await self._upstream.ask(
            chosen.candidates,
            wanted,
            asked.limits.buffered_bytes,
            read,
            seconds=asked.limits.timeout_seconds,
        )
        return responses.success(body)

    def _withheld(self, asked: Asked, rules: promql.RuleSet) -> Failure:
        self._metrics.violations.labels(asked.endpoint.name).inc()
        _log.exception(
            "answer withheld, it is wider than the tenant's rules",
            extra={
                "tenant": asked.tenant,
                "endpoint": asked.endpoint.name,
                "rules": rules.digest,
            },
        )
        text = "the answer was withheld because it failed a check; the operator was told"
        return Failure("violation", text)
