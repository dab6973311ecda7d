"""Settle what looks wrong but may only be the order in which numbers are added up.

Prometheus adds up in the order in which it selects series, over ranges in the order of a Go map, and
a union has an order of its own. So the permitted server is asked the query again, and the rewritten
query too: there it selects the same series in the order that it has on server A. As far as these
answers are apart from one another, the answer in doubt may be apart from them, within limits.
"""

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Sequence

from tests.oracle.promql import answers, verdicts
from tests.oracle.promql.answers import Answer, LabelKey
from tests.oracle.promql.compare import Bench, Case, Outcome
from tests.oracle.promql.verdicts import Verdict

type Sample = tuple[LabelKey, float]
"""The labels and the time of one."""

_ROUNDS = 40
"""So often both are asked: a step of a range at which sums are sometimes equal is seen with certainty."""
_SLACK = 16.0
_MOST = 1e-6  # whatever is further apart is no rounding


async def compared(bench: Bench, case: Case) -> Outcome:
    """Compare, and look twice at what seems wrong."""
    outcome = await bench.compare(case)
    return await _settled(bench, outcome) if outcome.verdict is Verdict.WRONG else outcome


async def _settled(bench: Bench, outcome: Outcome) -> Outcome:
    query, moment = outcome.case.query, outcome.case.moment
    if not verdicts.may_round(query) or outcome.got.error_type or outcome.expected.error_type:
        return outcome
    asked: list[Answer] = []
    rewritten: list[Answer] = []
    for _ in range(_ROUNDS):
        asked.append(await bench.permitted.ask(query, moment))
        rewritten.append(await bench.permitted.ask(bench.through.sent(bench.given, query), moment))
        if is_rounded(outcome.got, outcome.expected, asked + rewritten) or is_between(
            outcome.got, asked, rewritten
        ):
            return dataclasses.replace(outcome, verdict=Verdict.ROUNDING)
    return outcome


def is_rounded(got: Answer, expected: Answer, found: Sequence[Answer]) -> bool:
    """Whether only numbers differ, and by about as much as they differ on the permitted server."""
    apart = max(answers.distance(one, expected) for one in found)
    return answers.nearly_equal(got, expected, min(_MOST, _SLACK * apart))


def is_between(got: Answer, asked: Sequence[Answer], rewritten: Sequence[Answer]) -> bool:
    """Whether the permitted server is of two minds about which samples there are (`a == b`, rounded).

    A sample that the answers to one and the same query sometimes have may be there or not; any
    other has to be there if the answers to what was asked have it, and only then.
    """
    possible: defaultdict[Sample, list[str]] = defaultdict(list)
    for one in (*asked, *rewritten):
        for key, time, value in answers.samples(one):
            possible[key, time].append(value)
    often, again = _often(asked), _often(rewritten)
    open_ones = {
        sample
        for sample in possible
        if 0 < often[sample] < len(asked) or 0 < again[sample] < len(rewritten)
    }
    given = {(key, time): value for key, time, value in answers.samples(got)}
    required = {sample for sample in possible if often[sample]} - open_ones
    return (
        bool(open_ones)
        and required <= given.keys() <= required | open_ones
        and all(
            any(answers.apart(value, seen) <= _MOST for seen in possible[sample])
            for sample, value in given.items()
        )
    )


def _often(found: Sequence[Answer]) -> Counter[Sample]:
    return Counter((key, time) for one in found for key, time, _ in answers.samples(one))
