"""Compare what endpoints hold with what they must hold; pure.

The source is an HA pair whose replicas hold samples of different instants. A job's windows each come
from one of them, and a series of a window is never mixed. So what is compared is the group of samples
of one series in one interval: it must be that of one replica.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tests.oracle.delivery import held
from tests.oracle.delivery.held import Labels, Sample, Series

type Group = tuple[Sample, ...]
"""Timestamps and bits of one series in one interval, in order."""

_EXAMPLES = 5
_NOTHING: Group = ()


class Verdict(NamedTuple):
    """What one endpoint lacks, has too much, or has otherwise than the source."""

    series: int
    samples: int
    lost: int = 0
    extra: int = 0
    different: int = 0
    thinner: int = 0
    """Samples more that the other replica held in intervals delivered from this one: what a replica
    that was down did not scrape. Not a loss of delivery, but worth knowing."""
    mixed: int = 0
    """Intervals some series of which come from one replica and some from the other: begun by one
    collector and finished by the next one, which asked the other replica."""
    examples: tuple[str, ...] = ()

    @property
    def exact(self) -> bool:
        """Whether something was compared and nothing differs."""
        return self.samples > 0 and not (self.lost or self.extra or self.different)


def grouped(samples: Sequence[Sample], interval_ms: int) -> Mapping[int, Group]:
    """Return samples by the end of their interval, which holds its end, not its start."""
    groups: defaultdict[int, list[Sample]] = defaultdict(list)
    for sample in samples:
        groups[-(-sample[0] // interval_ms) * interval_ms].append(sample)
    return {end: tuple(sorted(group)) for end, group in groups.items()}


def judge(replicas: Sequence[Series], found: Series, interval_ms: int) -> Verdict:
    """Judge what an endpoint holds against what each replica says that it must hold."""
    lost = extra = different = thinner = 0
    examples: list[str] = []
    agreeing: dict[int, set[int]] = defaultdict(lambda: set(range(len(replicas))))
    for labels in found.keys() | {labels for replica in replicas for labels in replica}:
        has = grouped(found.get(labels, ()), interval_ms)
        wanted = [grouped(replica.get(labels, ()), interval_ms) for replica in replicas]
        for end in has.keys() | {end for groups in wanted for end in groups}:
            have = has.get(end, _NOTHING)
            candidates = [groups.get(end, _NOTHING) for groups in wanted]
            agreeing[end] &= {n for n, group in enumerate(candidates) if group == have}
            if have in candidates:
                thinner += max(map(len, candidates)) - len(have)
                continue
            best = min(candidates, key=lambda group: len(set(group) ^ set(have)))
            missing, surplus, other = _differences(best, have)
            lost, extra, different = lost + missing, extra + surplus, different + other
            if len(examples) < _EXAMPLES:
                examples.append(f"{_shown(labels)} until {end}: wanted {best}, has {have}")
    return Verdict(
        series=len(found),
        samples=sum(map(len, found.values())),
        lost=lost,
        extra=extra,
        different=different,
        thinner=thinner,
        mixed=sum(not replicas for replicas in agreeing.values()),
        examples=tuple(examples),
    )


def _differences(wanted: Group, have: Group) -> tuple[int, int, int]:
    want, got = dict(wanted), dict(have)
    common = want.keys() & got.keys()
    doubled = len(have) - len(got)
    return (
        len(want.keys() - got.keys()),
        len(got.keys() - want.keys()) + doubled,
        sum(want[at] != got[at] for at in common),
    )


def _shown(labels: Labels) -> str:
    return ",".join(f"{name}={text[:40]}" for name, text in sorted(labels))


def without_nan(series: Series) -> Series:
    """Return what is left at a server that stores no NaN but stale markers."""
    return {
        labels: kept
        for labels, samples in series.items()
        if (kept := [one for one in samples if one[1] == held.STALE or not _is_nan(one[1])])
    }


def _is_nan(bits: int) -> bool:
    return bits & 0x7FF0000000000000 == 0x7FF0000000000000 and bool(bits & 0x000FFFFFFFFFFFFF)


def rounded_to(replicas: Sequence[Series], found: Series, precision: float) -> Series:
    """Return `found` with each value replaced by that of a replica at the same time, if it is near.

    Near is what differs by no more than `precision` times the largest finite value of the series.
    """
    near: dict[Labels, list[Sample]] = {}
    for labels, samples in found.items():
        wanted = [dict(replica.get(labels, ())) for replica in replicas]
        allowed = precision * max((_size(b) for one in wanted for b in one.values()), default=0.0)
        near[labels] = [(at, _rounded(at, bits, wanted, allowed)) for at, bits in samples]
    return near


def _size(bits: int) -> float:
    size = abs(held.value(bits))
    return size if size < float("inf") else 0.0


def _rounded(at: int, bits: int, wanted: Sequence[Mapping[int, int]], allowed: float) -> int:
    """Return the bits that a replica has at this time, if they are near to `bits`, else those."""
    for replica in wanted:
        candidate = replica.get(at)
        if candidate is not None and abs(held.value(candidate) - held.value(bits)) <= allowed:
            return candidate
    return bits
