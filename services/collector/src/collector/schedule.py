"""When which window is due; pure.

A window is the span ``(start, end]`` of sample timestamps. Windows are contiguous: each starts
where the one before it ended, and ends at a multiple of the job's interval unless an answer was too
large for that. Times are milliseconds since the epoch.
"""

import hashlib
from dataclasses import dataclass, replace
from typing import NamedTuple

LOOKBACK = 300_000
"""How old (ms) the newest sample of a series may be, as for an instant vector of Prometheus."""


class Window(NamedTuple):
    """The samples with ``start_ms < timestamp <= end_ms``."""

    start_ms: int
    end_ms: int

    def __str__(self) -> str:
        return f"{self.start_ms}-{self.end_ms}"


@dataclass(frozen=True, kw_only=True)
class Timing:
    """What decides when windows of one shard are due, in ms."""

    interval: int
    settle: int
    """How far a window's end lies in the past before it is collected."""
    delay: int
    """What this shard waits beyond that, so that not all come at once."""
    slice: int
    """Longest span that is collected at once."""
    lookback: int
    """How far back a gap is made up."""
    latest: bool = False
    """Whether only the newest sample of each series is wanted."""

    @property
    def reach(self) -> int:
        """How far back from the settled present a window may start.

        At least two intervals: a window that is due, or was retried once, is no gap yet.
        """
        return max(self.lookback, 2 * self.interval)


class Wait(NamedTuple):
    """Nothing is due before `until_ms`."""

    until_ms: int


class Due(NamedTuple):
    """`window` is due. `lost` is the span before it that is too old to be made up, if any."""

    window: Window
    lost: Window | None = None
    skipped: int = 0
    """Intervals of which nothing is collected, because only the newest one is wanted."""


def delay(shard: str, spread_ms: int) -> int:
    """Return how long this shard waits, between 0 and `spread_ms`; always the same for it."""
    digest = hashlib.blake2b(shard.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") * spread_ms >> 64


def settled(now_ms: int, timing: Timing) -> int:
    """Return the latest window end that may be collected now."""
    return _down(now_ms - timing.settle - timing.delay, timing.interval)


def first_start(now_ms: int, timing: Timing) -> int:
    """Return where a shard that never published anything starts: its first window is one interval."""
    return settled(now_ms, timing) - timing.interval


def due(position_ms: int, now_ms: int, timing: Timing) -> Due | Wait:
    """Return what to do for a shard whose samples up to `position_ms` are published."""
    newest = settled(now_ms, timing)
    if position_ms >= newest:
        following = _down(position_ms, timing.interval) + timing.interval
        return Wait(following + timing.settle + timing.delay)
    if timing.latest:
        start = max(position_ms, newest - max(timing.interval, LOOKBACK))
        return Due(Window(start, newest), skipped=(newest - position_ms - 1) // timing.interval)
    oldest = newest - timing.reach
    start = max(position_ms, oldest)
    lost = Window(position_ms, start) if start > position_ms else None
    furthest = min(start + timing.slice, newest)
    aligned = _down(furthest, timing.interval)
    return Due(Window(start, aligned if aligned > start else furthest), lost)


def _down(time_ms: int, interval: int) -> int:
    return time_ms - time_ms % interval


SHORTEST_SLICE = 1000


def shorter(timing: Timing, failed: Window) -> Timing | None:
    """Return the timing after a window that was too large, None when it cannot be cut further."""
    span = (failed.end_ms - failed.start_ms) // 2
    return replace(timing, slice=span) if span >= SHORTEST_SLICE else None


def longer(timing: Timing, longest: int) -> Timing:
    """Return the timing after a window that was far from too large; `longest` is configured."""
    return replace(timing, slice=min(timing.slice * 2, longest))
