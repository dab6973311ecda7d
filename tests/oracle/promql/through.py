"""Ways in which a tenant's query reaches server A: through the library alone, or through the gateway."""

from typing import Protocol

from tests.oracle.promql import answers
from tests.oracle.promql.answers import Answer
from tests.oracle.promql.client import Client
from tests.oracle.promql.moments import Moment
from tests.oracle.promql.rulesets import Given

from tenantry_promql import ParseError, Refused, Upstream, rewrite_query

REFUSED = "refused"
"""The error type of an `Answer` that stands for a refusal."""
NOT_READ = "not read"
"""The error type when the query was found not to be PromQL before anything was asked."""


class Through(Protocol):
    """Answers a query as the tenant with these rules would see it."""

    async def admit(self, given: Given) -> None:
        """Make the rules effective before queries are asked under them."""
        ...

    async def ask(self, given: Given, query: str, moment: Moment) -> Answer:
        """Return the answer; `REFUSED` and `NOT_READ` are error types of it."""
        ...

    def sent(self, given: Given, query: str) -> str:
        """Return what the query was rewritten to, as far as that is known here; for people."""
        ...


class Library:
    """Rewrite with the library, ask A, and unite the pieces."""

    def __init__(self, everything: Client, upstream: Upstream) -> None:
        self._everything = everything
        self._upstream = upstream

    async def admit(self, given: Given) -> None:
        """There is nothing to prepare."""

    async def ask(self, given: Given, query: str, moment: Moment) -> Answer:
        """Answer it."""
        try:
            rewritten = rewrite_query(query, given.compiled, upstream=self._upstream)
        except ParseError as error:
            return Answer(error_type=NOT_READ, error=str(error))
        except Refused as error:
            return Answer(error_type=REFUSED, error=str(error))
        return answers.united(
            [await self._everything.ask(one, moment) for one in rewritten.queries]
        )

    def sent(self, given: Given, query: str) -> str:
        """Return the rewritten query."""
        try:
            return "\n".join(rewrite_query(query, given.compiled, upstream=self._upstream).queries)
        except (ParseError, Refused) as error:
            return f"({error})"
