"""Compare one query at one moment: through the thing under test, and on the permitted server."""

from dataclasses import dataclass

from tests.oracle.promql import choice, verdicts
from tests.oracle.promql.answers import Answer
from tests.oracle.promql.client import Client
from tests.oracle.promql.moments import Moment
from tests.oracle.promql.rulesets import Given
from tests.oracle.promql.through import NOT_READ, REFUSED, Through
from tests.oracle.promql.verdicts import Verdict

_ATTEMPTS = 3


@dataclass(frozen=True)
class Case:
    """One comparison to make."""

    category: str
    query: str
    moment: Moment


@dataclass(frozen=True)
class Outcome:
    """What it came to."""

    case: Case
    verdict: Verdict
    got: Answer
    expected: Answer


@dataclass(frozen=True)
class Bench:
    """Everything a comparison under one rule set needs."""

    given: Given
    through: Through
    permitted: Client
    """Server B."""

    async def compare(self, case: Case) -> Outcome:
        """Ask both sides and judge."""
        got = await self.through.ask(self.given, case.query, case.moment)
        expected = await self.permitted.ask(case.query, case.moment)
        return Outcome(case, await self._verdict(case, got, expected), got, expected)

    async def _verdict(self, case: Case, got: Answer, expected: Answer) -> Verdict:
        if got.error_type in (REFUSED, NOT_READ):
            return _of_refusal(got, expected)
        verdict = verdicts.of(case.query, got, expected)
        if verdict in (Verdict.EXACT, Verdict.ERROR):
            return verdict
        if await self._agree_again(case, got, expected):
            return Verdict.AGAIN
        if verdict is Verdict.WRONG and await self._is_tie(case, got, expected):
            return Verdict.TIE
        return verdict

    async def _is_tie(self, case: Case, got: Answer, expected: Answer) -> bool:
        chosen = choice.choice(case.query)
        if chosen is None:
            return False
        candidates = await self.permitted.ask(chosen.candidates, case.moment)
        return choice.is_right(chosen, got, expected, candidates)

    async def _agree_again(self, case: Case, got: Answer, expected: Answer) -> bool:
        """Ask both sides again: Prometheus gives some queries several answers."""
        left, right = [got], [expected]
        for _ in range(_ATTEMPTS):
            left.append(await self.through.ask(self.given, case.query, case.moment))
            right.append(await self.permitted.ask(case.query, case.moment))
            if any(verdicts.is_same(case.query, a, b) for a in left for b in right):
                return True
        return False


def _of_refusal(got: Answer, expected: Answer) -> Verdict:
    if not expected.error_type:
        return Verdict.REFUSED
    # What is no PromQL must be none for Prometheus either: not an error of evaluation.
    if got.error_type == NOT_READ and expected.error_type != "bad_data":
        return Verdict.WRONG
    return Verdict.ERROR
