"""What a Pushgateway must hold once the windows up to an instant have been pushed; pure.

The latest value of each series whose latest sample is no stale marker. Which replica a window came
from is not known, so a series may have one of several values: those of the last interval in which
every replica had it, and of what came after that.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tests.oracle.delivery import held
from tests.oracle.delivery.held import Labels, Series
from tests.oracle.delivery.verdict import Verdict, grouped

HORIZON_MS = 300_000
"""Age, counted from the newest sample of all, at which a series vanishes without a stale marker."""
REACH_MS = HORIZON_MS + 60_000
"""How far back the samples reach that a state can consist of."""
_SLACK_MS = 5_000
"""How far the replicas' newest samples may be apart."""


class _Last(NamedTuple):
    at: int
    bits: int


type Choice = Mapping[Labels, frozenset[int | None]]
"""The bits that a series may have; None: it may be missing."""


class History:
    """What the replicas hold, asked for one instant after the other."""

    def __init__(self, replicas: Sequence[Series], interval_ms: int) -> None:
        self._replicas = [
            {labels: grouped(samples, interval_ms) for labels, samples in series.items()}
            for series in replicas
        ]
        self._ends: dict[Labels, list[int]] = {
            labels: sorted({end for each in self._replicas for end in each.get(labels, ())})
            for labels in {labels for each in self._replicas for labels in each}
        }

    def choices(self, until_ms: int) -> Choice:
        """Return what the group may hold after the window that ended at `until_ms`."""
        ends = {
            labels: [end for end in reversed(ends) if end <= until_ms]
            for labels, ends in self._ends.items()
        }
        newest = max(
            (last.at for labels in ends for last in self._last(labels, ends[labels][:1])), default=0
        )
        return {
            labels: self._possible(labels, ends[labels], newest - HORIZON_MS) for labels in ends
        }

    def _last(self, labels: Labels, ends: Sequence[int]) -> list[_Last]:
        """Return the last sample that each replica has in these intervals, if it has one."""
        return [
            _Last(*each[labels][end][-1])
            for end in ends
            for each in self._replicas
            if end in each.get(labels, ())
        ]

    def _possible(
        self, labels: Labels, ends: Sequence[int], oldest_ms: int
    ) -> frozenset[int | None]:
        """Go back until an interval that every replica has: whichever it came from, it is known."""
        possible: set[int | None] = set()
        for end in ends:
            last = self._last(labels, [end])
            possible |= {None if one.bits == held.STALE else one.bits for one in last}
            if any(one.at <= oldest_ms + _SLACK_MS for one in last):
                possible.add(None)
            if len(last) == len(self._replicas) or all(one.at <= oldest_ms for one in last):
                return frozenset(possible)
        return frozenset(possible | {None})


def judge(choice: Choice, found: Mapping[Labels, int]) -> Verdict:
    """Judge what a Pushgateway holds."""
    lost = extra = different = 0
    examples: list[str] = []
    for labels in choice.keys() | found.keys():
        may_be, bits = choice.get(labels, frozenset({None})), found.get(labels)
        if bits in may_be:
            continue
        lost += bits is None
        extra += may_be == {None}
        different += bits is not None and may_be != {None}
        examples.append(f"{sorted(labels)}: wanted one of {set(may_be)}, has {bits}")
    return Verdict(
        series=len(found),
        samples=len(found),
        lost=lost,
        extra=extra,
        different=different,
        examples=tuple(examples[:5]),
    )
