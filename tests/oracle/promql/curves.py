"""Sequences of samples: counters, gauges, resets, gaps, staleness, values that are no numbers.

Values are dyadic (multiples of 1/8, small), so that sums of them are exact in any order and a
difference in the last digit means a difference. Times are milliseconds.
"""

import struct
from collections.abc import Callable, Sequence
from random import Random

type Samples = list[tuple[int, float]]
type Curve = Callable[[Random, Sequence[int]], Samples]

START = 1_750_000_000_000
"""The first sample of anything. Fixed, so that a seed gives the same answers on every day."""
END = START + 2 * 3_600_000
"""No sample is as late as this."""
STALE: float = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
"""The NaN by which a series says that it has ended."""

_SPECIAL = (float("nan"), float("inf"), float("-inf"), -0.0, 0.0, 0.125, -2.5, 1e300, 5e-324, 3.0)


def counter(rng: Random, times: Sequence[int]) -> Samples:
    """Grow, at an own pace, now and then not at all."""
    value, pace = rng.randrange(800) / 8, rng.choice((1, 8, 40))
    samples = []
    for time in times:
        samples.append((time, value))
        value += rng.randrange(pace * 2) / 8
    return samples


def resetting(rng: Random, times: Sequence[int]) -> Samples:
    """Grow, and start again from (nearly) zero every few minutes."""
    samples, value = [], 0.0
    for time, _ in counter(rng, times):
        value = rng.randrange(8) / 8 if rng.random() < 0.08 else value + rng.randrange(64) / 8
        samples.append((time, value))
    return samples


def gauge(rng: Random, times: Sequence[int]) -> Samples:
    """Wander, also below zero."""
    value, samples = rng.randrange(-400, 800) / 8, []
    for time in times:
        samples.append((time, value))
        value += rng.randrange(-16, 17) / 8
    return samples


def slow(rng: Random, times: Sequence[int]) -> Samples:
    """Change seldom and to one of three values: there are ties between series, and no changes."""
    value, samples = float(rng.randrange(3)), []
    for time in times:
        if rng.random() < 0.03:
            value = float(rng.randrange(3))
        samples.append((time, value))
    return samples


def one(_: Random, times: Sequence[int]) -> Samples:
    """Be 1, as info metrics are."""
    return [(time, 1.0) for time in times]


def binary(rng: Random, times: Sequence[int]) -> Samples:
    """Be 1, and 0 at times, as `up` is."""
    return [(time, float(rng.random() > 0.1)) for time in times]


def epoch(rng: Random, times: Sequence[int]) -> Samples:
    """Hold a time in seconds, for functions of the calendar."""
    born = START // 1000 - rng.randrange(40_000_000)
    return [(time, float(born)) for time in times]


def special(rng: Random, times: Sequence[int]) -> Samples:
    """Hold NaN, infinities, both zeros, the smallest and very large numbers."""
    return [(time, rng.choice(_SPECIAL)) for time in times]


def only(value: float) -> Curve:
    """Return the curve that always has this value."""
    return lambda _, times: [(time, value) for time in times]


def gappy(curve: Curve, *, phase: int, period: int = 8) -> Curve:
    """Leave out every other `period` minutes; `phase` 0 and 1 complement each other."""

    def with_gaps(rng: Random, times: Sequence[int]) -> Samples:
        return [
            sample
            for sample in curve(rng, times)
            if (sample[0] - START) // (period * 60_000) % 2 == phase
        ]

    return with_gaps


def relayed(curve: Curve, *, phase: int, period: int = 4) -> Curve:
    """Be there every other `period` minutes, and say so when it ends: phases 0 and 1 never meet."""

    def in_turns(rng: Random, times: Sequence[int]) -> Samples:
        samples: Samples = []
        present = False
        for time, value in curve(rng, times):
            away = (time - START) // (period * 60_000) % 2 != phase
            if not away:
                samples.append((time, value))
            elif present:
                samples.append((time, STALE))
            present = not away
        return samples

    return in_turns


def ending(curve: Curve) -> Curve:
    """End with a staleness marker every quarter of an hour, and come back some minutes later."""

    def with_ends(rng: Random, times: Sequence[int]) -> Samples:
        samples: Samples = []
        ended = False
        for time, value in curve(rng, times):
            away = (time - START) // 60_000 % 15 >= 12
            if not away:
                samples.append((time, value))
            elif not ended:
                samples.append((time, STALE))
            ended = away
        return samples

    return with_ends


def sparse(rng: Random, times: Sequence[int]) -> Samples:
    """Have a sample every ten minutes only: more than the look-back of an instant selector."""
    return gauge(rng, times)[::20]


def once(rng: Random, times: Sequence[int]) -> Samples:
    """Have one sample, in the middle."""
    return gauge(rng, times)[len(times) // 2 :][:1]
