"""A run: rule set after rule set, each with a server of its own and all queries."""

import asyncio
import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence

from tests.oracle.promql import doubts, reproduction
from tests.oracle.promql.answers import Answer
from tests.oracle.promql.compare import Bench, Case, Outcome
from tests.oracle.promql.estate import Estate
from tests.oracle.promql.plan import Plan
from tests.oracle.promql.table import Tally
from tests.oracle.promql.through import Through
from tests.oracle.promql.verdicts import Verdict

_LANES = 2  # rule sets at a time: while one server starts, the other is asked
_IN_FLIGHT = 6  # comparisons at a time under one rule set
_SHRUNK = 6  # wrong comparisons that are made small, which takes a server for each rule


class Campaign:
    """Makes comparisons until there are enough, and counts."""

    def __init__(
        self,
        plan: Plan,
        estate: Estate,
        through: Through,
        *,
        first: int = 0,
        progressed: Callable[[], None] = lambda: None,
    ) -> None:
        """Describe the run; `first` is the number of the first rule set."""
        self.tally = Tally()
        self.wrong: list[str] = []
        """A reproduction of each wrong comparison."""
        self._plan = plan
        self._estate = estate
        self._through = through
        self._numbers = itertools.count(first)
        self._begun = 0
        self._progressed = progressed

    async def run(self, comparisons: int) -> None:
        """Begin rule sets until this many comparisons are under way, and finish them."""
        async with asyncio.TaskGroup() as group:
            for _ in range(_LANES):
                group.create_task(self._lane(comparisons))

    async def _lane(self, comparisons: int) -> None:
        while self._begun < comparisons:
            number = next(self._numbers)
            stored = self._estate.stored
            cases = self._plan.cases(number, stored, self._estate.kind)
            self._begun += len(cases)
            given = self._plan.given(number, stored)
            name = f"rules-{number}"
            async with self._estate.bench(name, given, self._through) as bench:
                for outcome in await self._compare(bench, cases):
                    self.tally.add(outcome)
                    if outcome.verdict is Verdict.WRONG:
                        await self._report(bench, outcome, number)

    async def _compare(self, bench: Bench, cases: Sequence[Case]) -> list[Outcome]:
        waiting: Iterator[Case] = iter(cases)
        outcomes: list[Outcome] = []

        async def work() -> None:
            for case in waiting:
                outcomes.append(_light(await doubts.compared(bench, case)))
                self._progressed()

        async with asyncio.TaskGroup() as group:
            for _ in range(_IN_FLIGHT):
                group.create_task(work())
        return outcomes

    async def _report(self, bench: Bench, outcome: Outcome, number: int) -> None:
        if len(self.wrong) < _SHRUNK:
            name = f"rules-{number}-{len(self.wrong)}"
            bench, outcome = await reproduction.shrink(self._estate, bench, outcome, name)
        self.wrong.append(reproduction.describe(bench, outcome, number))


def _light(outcome: Outcome) -> Outcome:
    """Forget the answers of a comparison about which nobody will ask."""
    if outcome.verdict in (Verdict.WRONG, Verdict.REFUSED):
        return outcome
    return dataclasses.replace(outcome, got=Answer(), expected=Answer())
