"""What a comparison comes to. Everything that is not understood is wrong; pure."""

import re
from enum import StrEnum

from tests.oracle.promql import answers, order
from tests.oracle.promql.answers import Answer


class Verdict(StrEnum):
    """The categories, best first."""

    EXACT = "exact"
    """The same series and numbers, digit by digit."""
    ERROR = "both err"
    """An error of one type on both sides."""
    AGAIN = "exact on re-run"
    """Prometheus answers this query in several ways; asked again, both sides agreed."""
    ROUNDING = "rounding"
    """The same series; numbers differ in their last digits, in a query that sums."""
    TIE = "tie"
    """Equal values compete for a place (topk), or any will do (limitk): as many, and all permitted."""
    REFUSED = "refused"
    """The tenant gets an explanation instead of an answer, though the permitted server has one."""
    PANIC = "panicked"
    """Prometheus broke down over the query, on either side: a fault of that version."""
    WRONG = "wrong"
    """Anything else."""


_PANICKED = "unexpected error: "  # the engine's words for a recovered panic (promql/engine.go)
_SUMMING = re.compile(
    r"\b(sum|avg|stddev|stdvar|histogram_quantiles?|histogram_fraction|count_values)\b",
    re.IGNORECASE,
)
_AGGREGATING = re.compile(rf"{_SUMMING.pattern}|\b(min|max|quantile|topk|bottomk)\b", re.IGNORECASE)


def may_round(query: str) -> bool:
    """Whether the order in which Prometheus adds numbers up can show in the answer."""
    return _SUMMING.search(query) is not None


def of(query: str, got: Answer, expected: Answer) -> Verdict:
    """Judge one pair of answers; what is WRONG here may have an explanation still."""
    if answers.same_error(got, expected):
        return Verdict.ERROR
    if _PANICKED in got.error or _PANICKED in expected.error:
        return Verdict.PANIC
    if answers.equal(got, expected):
        return Verdict.EXACT if order.is_right(query, got, expected) else Verdict.WRONG
    if may_round(query) and answers.nearly_equal(got, expected):
        return Verdict.ROUNDING
    if _AGGREGATING.search(query) and answers.distance(got, expected) == 0:
        return Verdict.ROUNDING  # of 0 and -0 the first one is the smallest, and the largest
    return Verdict.WRONG


def is_same(query: str, got: Answer, expected: Answer) -> bool:
    """Whether nothing at all is to be explained."""
    return of(query, got, expected) in (Verdict.EXACT, Verdict.ERROR)
