"""Answer remote read: ask for the permitted part of a request, check what comes, pass it on."""

from collections.abc import Sequence

import tenantry_promql as promql
from query_gateway import (
    calls,
    config,
    limits,
    read_chunks,
    read_request,
    read_samples,
    responses,
    together,
)
from query_gateway.budget import Budget
from query_gateway.failures import Failure
from query_gateway.inbound.request import Request
from query_gateway.read_request import Plan
from query_gateway.responses import Reply
from query_gateway.route import Route
from query_gateway.shards.frames import Uncomputable
from query_gateway.stored_labels import StoredLabels
from query_gateway.streaming import Streaming
from query_gateway.upstream import Conversation, Upstream, read_aside

_CHUNKS = f"{calls.CHUNKS}; proto=prometheus.ChunkedReadResponse"


class RemoteRead:
    """The endpoint `read`."""

    def __init__(self, upstream: Upstream, streaming: Streaming, settings: config.Limits) -> None:
        self._upstream = upstream
        self._streaming = streaming
        self._most_asked = settings.read_request_bytes

    async def answer(
        self,
        request: Request,
        message: bytes,
        routes: Sequence[Route],
        rules: promql.RuleSet,
        own: config.TenantLimits,
    ) -> Reply | None:
        """Return the answer of all shards to the `message` of `request`, within the tenant's own limits.

        None says that it was sent in pieces. Raises `Failure` and `Violation`.
        """
        plan = read_request.plan(message, rules, limits.for_promql(own), most=self._most_asked)
        if len(routes) > 1:
            return _response(plan, await self._of_shards(plan, routes, rules, own))
        if plan.streamed and len(plan.calls) == 1:
            # The usual case: nothing to unite, so nothing has to be kept.
            async with self._upstream.stream(
                routes[0].candidates, plan.calls[0], seconds=own.timeout_seconds
            ) as answer:
                frames = read_chunks.admitted(answer.chunks(), StoredLabels(rules, answer.backend))
                await self._streaming.send(
                    request, "read", frames, content_type=_CHUNKS, most=own.answer_bytes
                )
                return None
        budget = Budget(own.buffered_bytes)
        return _response(plan, await self._united(plan, routes[0], rules, own, budget))

    async def _of_shards(
        self,
        plan: Plan,
        routes: Sequence[Route],
        rules: promql.RuleSet,
        own: config.TenantLimits,
    ) -> bytes:
        together.check_number(len(plan.calls) * len(routes), own)
        budget = Budget(own.buffered_bytes)
        tasks = {one.shard: self._united(plan, one, rules, own, budget) for one in routes}
        found = await together.ask(tasks, str, seconds=own.shard_seconds, is_partial=False)
        answers = list(found.answers.values())

        def unite() -> bytes:
            if plan.streamed:
                return read_chunks.of_shards(answers)
            return read_samples.of_shards(answers, plan.queries, own.buffered_bytes)

        try:
            return await read_aside(unite, budget.used)
        except Uncomputable as error:
            raise Failure(
                "refused", f"a read from several shards is refused because {error}"
            ) from error

    async def _united(
        self,
        plan: Plan,
        chosen: Route,
        rules: promql.RuleSet,
        own: config.TenantLimits,
        budget: Budget,
    ) -> bytes:
        """Return what one shard answers to all calls of a plan. Raises `Failure` and `Violation`."""

        async def talk(conversation: Conversation) -> bytes:
            bodies = [await conversation.ask(call) for call in plan.calls]
            stored = StoredLabels(rules, conversation.backend)
            if plan.streamed:
                return await conversation.read(lambda: read_chunks.united(bodies, stored))
            return await conversation.read(
                lambda: read_samples.united(bodies, plan.queries, stored, own.buffered_bytes)
            )

        return await self._upstream.converse(
            chosen.candidates, budget, talk, seconds=own.timeout_seconds
        )


def _response(plan: Plan, body: bytes) -> Reply:
    if plan.streamed:
        return responses.success(body, _CHUNKS)
    encoded = {"Content-Type": calls.PROTOBUF, "Content-Encoding": "snappy"}
    return Reply(headers={**responses.HEADERS, **encoded}, body=body)
