"""What is tested, without the gateway: plan, rewrite each part, ask every shard, put together."""

import asyncio
from collections.abc import Mapping

from tests.oracle.promql import answers
from tests.oracle.promql.answers import Answer
from tests.oracle.promql.client import Client
from tests.oracle.promql.moments import Moment
from tests.oracle.promql.rulesets import Given
from tests.oracle.promql.through import NOT_READ, REFUSED

from query_gateway import answers as united
from query_gateway.shards import assembly, planner
from query_gateway.shards.answers_json import Grid
from query_gateway.shards.assembly import Wanted
from query_gateway.shards.frames import EvaluationError, Uncomputable
from tenantry_promql import ParseError, Refused, Upstream, rewrite_query
from tenantry_promql.reader import read
from tenantry_promql.settings import Limits


class Sharded:
    """Servers of which each holds a part."""

    def __init__(self, shards: Mapping[str, Client], upstream: Upstream) -> None:
        self._shards = shards
        self._upstream = upstream

    async def admit(self, given: Given) -> None:
        """There is nothing to prepare."""

    async def ask(self, given: Given, query: str, moment: Moment) -> Answer:
        """Answer it."""
        try:
            return await self._answer(given, query, moment)
        except* ParseError as group:
            answer = Answer(error_type=NOT_READ, error=str(_first(group)))
        except* (Refused, Uncomputable) as group:
            answer = Answer(error_type=REFUSED, error=str(_first(group)))
        except* EvaluationError as group:
            answer = Answer(error_type="execution", error=str(_first(group)))
        return answer

    async def _answer(self, given: Given, query: str, moment: Moment) -> Answer:
        tree = read(query, Limits(), experimental=self._upstream.experimental_functions)
        plan = planner.plan(tree, self._upstream)
        wanted = assembly.wanted(plan, tuple(self._shards))
        async with asyncio.TaskGroup() as group:
            tasks = {one: group.create_task(self._body(given, one, moment)) for one in wanted}
        found = {one: task.result() for one, task in tasks.items()}
        bodies = {one: body for one, body in found.items() if isinstance(body, bytes)}
        failed = [answer for answer in found.values() if isinstance(answer, Answer)]
        if failed:
            # What is no PromQL to a server is none, whatever the evaluation of other parts says.
            return min(failed, key=lambda answer: answer.error_type)
        return answers.read(assembly.assembled(plan, bodies, grid(moment), limit=0))

    async def _body(self, given: Given, one: Wanted, moment: Moment) -> bytes | Answer:
        rewritten = rewrite_query(one.fetch.query, given.compiled, upstream=self._upstream)
        bodies = [await self._shards[one.shard].body(text, moment) for text in rewritten.queries]
        for body in bodies:
            answer = answers.read(body)
            if answer.error_type:
                return answer
        return united.matrices(bodies, 0, lambda _: True) if len(bodies) > 1 else bodies[0]

    def sent(self, given: Given, query: str) -> str:
        """Return the query: its parts are nothing that one server could be asked."""
        return query


def grid(moment: Moment) -> Grid:
    """Return the steps of a moment."""
    if not moment.step:
        return Grid(moment.start, 0, 1, is_range=False)
    count = (moment.end - moment.start) // moment.step + 1
    return Grid(moment.start, moment.step, count, is_range=True)


def _first[E: Exception](group: ExceptionGroup[E]) -> E:
    """Return the first error of a group of groups."""
    first = group.exceptions[0]
    return _first(first) if isinstance(first, ExceptionGroup) else first
