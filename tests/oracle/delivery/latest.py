"""What a Pushgateway must hold once the windows up to an instant have been pushed; pure.

The latest value of each series whose latest sample is no stale marker. Which replica a window came
from is not known, so a series may have one of several values: those of the last interval in which
every replica had it, and of what came after that.
"""

from collections.abc import Mapping, Sequence

from tests.oracle.delivery import held
from tests.oracle.delivery.held import Labels, Sample, Series
from tests.oracle.delivery.verdict import Verdict, grouped

HORIZON_MS = 300_000
"""Age, counted from the newest sample of all, at which a series vanishes without a stale marker."""
REACH_MS = HORIZON_MS + 60_000
"""How far back the samples reach that a state can consist of."""
_SLACK_MS = 5_000
"""How far the replicas' newest samples may be apart."""

type Choice = Mapping[Labels, frozenset[int | None]]
"""The bits that a series may have; None: it may be missing."""


def choices(replicas: Sequence[Series], until_ms: int, interval_ms: int) -> Choice:
    """Return what the group may hold when the last window that was pushed ended at `until_ms`."""
    until = [
        {labels: [one for one in samples if one[0] <= until_ms] for labels, samples in each.items()}
        for each in replicas
    ]
    newest = max((s[0] for each in until for samples in each.values() for s in samples), default=0)
    return {
        labels: _possible(
            [grouped(each.get(labels, ()), interval_ms) for each in until], newest - HORIZON_MS
        )
        for labels in {labels for each in until for labels in each}
    }


def _possible(
    replicas: Sequence[Mapping[int, tuple[Sample, ...]]], oldest_ms: int
) -> frozenset[int | None]:
    possible: set[int | None] = set()
    for end in sorted({end for each in replicas for end in each}, reverse=True):
        last = [each[end][-1] for each in replicas if end in each]
        possible |= {None if bits == held.STALE else bits for _, bits in last}
        if any(at <= oldest_ms + _SLACK_MS for at, _ in last):
            possible.add(None)
        if len(last) == len(replicas) or all(at <= oldest_ms for at, _ in last):
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
