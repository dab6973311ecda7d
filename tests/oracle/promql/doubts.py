"""Settle what looks wrong but may only be the order in which numbers are added up.

Prometheus adds up in the order in which it selects series, over ranges in the order of a Go map, and
a union has an order of its own. So the permitted server is asked the query again, and the rewritten
query too: there it selects the same series in the order that it has on server A. As far as these
answers are apart from one another, the answer in doubt may be apart from them, within limits.
"""

import dataclasses
from collections import defaultdict
from collections.abc import Sequence

from tests.oracle.promql import answers, verdicts
from tests.oracle.promql.answers import Answer, LabelKey
from tests.oracle.promql.compare import Bench, Case, Outcome
from tests.oracle.promql.verdicts import Verdict

_TIMES = 4
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
    queries = [query, bench.through.sent(bench.given, query)] * _TIMES
    found = [await bench.permitted.ask(one, moment) for one in queries]
    if is_rounded(outcome.got, outcome.expected, found) or is_between(outcome.got, found):
        return dataclasses.replace(outcome, verdict=Verdict.ROUNDING)
    return outcome


def is_rounded(got: Answer, expected: Answer, found: Sequence[Answer]) -> bool:
    """Whether only numbers differ, and by about as much as they differ on the permitted server."""
    apart = max(answers.distance(one, expected) for one in found)
    return answers.nearly_equal(got, expected, min(_MOST, _SLACK * apart))


def is_between(got: Answer, found: Sequence[Answer]) -> bool:
    """Whether the permitted server is of two minds about which samples there are (`a == b`, rounded).

    Then the answer must have all samples that are always there, and none that never is.
    """
    possible: defaultdict[tuple[LabelKey, float], list[str]] = defaultdict(list)
    for one in found:
        for key, time, value in answers.samples(one):
            possible[key, time].append(value)
    if all(len(values) == len(found) for values in possible.values()):
        return False
    given = {(key, time): value for key, time, value in answers.samples(got)}
    return all(
        sample in given for sample, seen in possible.items() if len(seen) == len(found)
    ) and all(
        any(answers.apart(value, seen) <= _MOST for seen in possible[sample])
        for sample, value in given.items()
    )
