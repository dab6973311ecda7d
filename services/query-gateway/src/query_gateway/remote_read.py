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


type Granted = tuple[Route, promql.RuleSet]
"""A shard, and what the tenant may see there."""


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
        granted: Sequence[Granted],
        own: config.TenantLimits,
    ) -> Reply | None:
        """Return the answer of all shards to the `message` of `request`, within the tenant's own limits.

        None says that it was sent in pieces. Raises `Failure` and `Violation`.
        """
        plans = [
            read_request.plan(message, rules, limits.for_promql(own), most=self._most_asked)
            for _, rules in granted
        ]
        plan, (route, rules) = plans[0], granted[0]
        if len(granted) > 1:
            return _response(plan, await self._of_shards(plans, granted, own))
        if plan.streamed and len(plan.calls) == 1:
            # The usual case: nothing to unite, so nothing has to be kept.
            async with self._upstream.stream(
                route.candidates, plan.calls[0], seconds=own.timeout_seconds
            ) as answer:
                frames = read_chunks.admitted(answer.chunks(), StoredLabels(rules, answer.backend))
                await self._streaming.send(
                    request, "read", frames, content_type=_CHUNKS, most=own.answer_bytes
                )
                return None
        budget = Budget(own.buffered_bytes)
        return _response(plan, await self._united(plan, granted[0], own, budget))

    async def _of_shards(
        self, plans: Sequence[Plan], granted: Sequence[Granted], own: config.TenantLimits
    ) -> bytes:
        together.check_number(sum(len(plan.calls) for plan in plans), own)
        budget = Budget(own.buffered_bytes)
        tasks = {
            one[0].shard: self._united(plan, one, own, budget)
            for plan, one in zip(plans, granted, strict=True)
        }
        found = await together.ask(tasks, str, seconds=own.shard_seconds, is_partial=False)
        answers = list(found.answers.values())

        def unite() -> bytes:
            if plans[0].streamed:
                return read_chunks.of_shards(answers)
            return read_samples.of_shards(answers, plans[0].queries, own.buffered_bytes)

        try:
            return await read_aside(unite, budget.used)
        except Uncomputable as error:
            text = f"a read from several shards is refused because {error}"
            raise Failure("refused", text) from error

    async def _united(
        self, plan: Plan, granted: Granted, own: config.TenantLimits, budget: Budget
    ) -> bytes:
        """Return what one shard answers to all calls of a plan. Raises `Failure` and `Violation`."""
        route, rules = granted

        async def talk(conversation: Conversation) -> bytes:
            bodies = [await conversation.ask(call) for call in plan.calls]
            stored = StoredLabels(rules, conversation.backend)
            if plan.streamed:
                return await conversation.read(lambda: read_chunks.united(bodies, stored))
            return await conversation.read(
                lambda: read_samples.united(bodies, plan.queries, stored, own.buffered_bytes)
            )

        return await self._upstream.converse(
            route.candidates, budget, talk, seconds=own.timeout_seconds
        )


def _response(plan: Plan, body: bytes) -> Reply:
    if plan.streamed:
        return responses.success(body, _CHUNKS)
    encoded = {"Content-Type": calls.PROTOBUF, "Content-Encoding": "snappy"}
    return Reply(headers={**responses.HEADERS, **encoded}, body=body)
