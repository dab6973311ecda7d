"""Ties: several series have the value that gets a place, or any series will do (limitk).

Which one Prometheus takes depends on the order of series. So a choice is right when it takes as many
series as the permitted server does, of the same values, and only such as are candidates there.
"""

from collections import defaultdict
from dataclasses import dataclass

from tests.oracle.promql import answers
from tests.oracle.promql.answers import Answer, LabelKey
from tests.oracle.promql.outermost import outermost

from tenantry_promql.syntax import Aggregation, to_text

_CHOOSING = frozenset({"topk", "bottomk", "limitk"})


@dataclass(frozen=True)
class Choice:
    """A query whose outermost operation chooses among series."""

    operation: str
    candidates: str
    """The query whose answer it chooses from."""


def choice(query: str) -> Choice | None:
    """Return what a query chooses from; None when it chooses nothing, or not outermost."""
    node = outermost(query)
    if isinstance(node, Aggregation) and node.op.lower() in _CHOOSING:
        return Choice(node.op.lower(), to_text(node.arguments[-1]))
    return None


def is_right(chosen: Choice, got: Answer, expected: Answer, candidates: Answer) -> bool:
    """Whether `got` is as good a choice from the candidates as `expected` is."""
    if got.error_type or got.type != expected.type:
        return False
    found, wanted = _by_time(got), _by_time(expected)
    known = {(key, time): value for key, time, value in answers.samples(candidates)}
    return (
        len(got.by_key) == len(got.elements)
        and found.keys() == wanted.keys()
        and all(len(found[time]) == len(wanted[time]) for time in found)
        and (chosen.operation == "limitk" or _same_values(found, wanted))
        and all(
            (key, time) in known and _same(value, known[key, time])
            for key, time, value in answers.samples(got)
        )
    )


def _by_time(answer: Answer) -> dict[float, list[tuple[LabelKey, str]]]:
    found: defaultdict[float, list[tuple[LabelKey, str]]] = defaultdict(list)
    for key, time, value in answers.samples(answer):
        found[time].append((key, value))
    return found


def _same_values(
    a: dict[float, list[tuple[LabelKey, str]]], b: dict[float, list[tuple[LabelKey, str]]]
) -> bool:
    return all(
        _same(left, right)
        for time in a
        for left, right in zip(_sorted(a[time]), _sorted(b[time]), strict=True)
    )


def _sorted(samples: list[tuple[LabelKey, str]]) -> list[str]:
    return sorted((value for _, value in samples), key=lambda value: (value == "NaN", float(value)))


def _same(a: str, b: str) -> bool:
    # -0 and 0 compete for a place as equals; numbers may have been rounded.
    return a == b or abs(float(a) - float(b)) <= answers.RELATIVE * abs(float(b))
