"""Compare what endpoints hold with what they must hold; pure.

The source is an HA pair whose replicas hold samples of different instants. A job's windows each come
from one of them, and a series of a window is never mixed. So what is compared is the group of samples
of one series in one interval: it must be that of one replica.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from tenantry_cli.demo.readback import Labels, Sample

type Group = tuple[tuple[int, int], ...]
"""Timestamps and bits of one series in one interval, in order."""

type Key = tuple[Labels, int]
"""A series and the end of an interval."""


class Verdict(NamedTuple):
    """What one endpoint lacks, has too much, or has otherwise than the source."""

    series: int
    samples: int
    lost: int
    extra: int
    different: int
    thinner: int
    """Samples more that the other replica held in intervals delivered from this one: what a replica
    that was down did not scrape. Not a loss of delivery, but worth knowing."""
    examples: tuple[str, ...]

    @property
    def exact(self) -> bool:
        """Whether something was compared and nothing differs."""
        return self.samples > 0 and not (self.lost or self.extra or self.different)


def grouped(samples: Iterable[Sample], interval_ms: int) -> Mapping[Key, Group]:
    """Return samples by series and interval; an interval holds its end, not its start."""
    groups: defaultdict[Key, list[tuple[int, int]]] = defaultdict(list)
    for sample in samples:
        end = -(-sample.timestamp_ms // interval_ms) * interval_ms
        groups[sample.labels, end].append((sample.timestamp_ms, sample.bits))
    return {key: tuple(sorted(group)) for key, group in groups.items()}


def judge(
    replicas: Sequence[Iterable[Sample]], held: Iterable[Sample], interval_ms: int
) -> Verdict:
    """Judge what an endpoint holds against what each replica says that it must hold."""
    wanted = [grouped(samples, interval_ms) for samples in replicas]
    found = grouped(held, interval_ms)
    lost = extra = different = samples = thinner = 0
    examples: list[str] = []
    for key in found.keys() | {key for groups in wanted for key in groups}:
        candidates = [groups.get(key, ()) for groups in wanted]
        have = found.get(key, ())
        samples += len(have)
        if have in candidates:
            thinner += max(len(group) for group in candidates) - len(have)
            continue
        best = min(candidates, key=lambda group: len(set(group) ^ set(have)))
        missing, surplus, other = _differences(best, have)
        lost, extra, different = lost + missing, extra + surplus, different + other
        if len(examples) < 5:
            examples.append(f"{sorted(key[0])} until {key[1]}: wanted {best}, has {have}")
    return Verdict(
        series=len({labels for labels, _ in found}),
        samples=samples,
        lost=lost,
        extra=extra,
        different=different,
        thinner=thinner,
        examples=tuple(examples),
    )


def _differences(wanted: Group, have: Group) -> tuple[int, int, int]:
    want, got = dict(wanted), dict(have)
    common = want.keys() & got.keys()
    return (
        len(want.keys() - got.keys()),
        len(got.keys() - want.keys()),
        sum(want[at] != got[at] for at in common),
    )
