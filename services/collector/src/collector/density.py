"""Whether a window holds as much as the windows before it; pure.

A replica that was down, paused or cut off for part of a window answers as if nothing had happened,
only with fewer samples. That shows as a drop below all of the last few windows, whatever the phase
of its scrapes. A drop may also be real, so it is a reason to ask another replica, no more.
"""

from collections import deque

from collector.schedule import Window

_REMEMBERED = 5
_FEWER = 0.95


class Density:
    """Samples per millisecond of the last few windows of a shard."""

    def __init__(self) -> None:
        self._rates: deque[float] = deque(maxlen=_REMEMBERED)

    def is_thin(self, window: Window, samples: int, interval: int) -> bool:
        """Return whether `samples` may be fewer than there were.

        Also when there is nothing to compare with, or when the window is longer than an `interval`
        (ms): it makes up a gap, and what was down then may have been the replica.
        """
        span = window.end_ms - window.start_ms
        return not self._rates or span > interval or samples < _FEWER * min(self._rates) * span

    def note(self, window: Window, samples: int) -> None:
        """Remember what a window that is published held."""
        self._rates.append(samples / (window.end_ms - window.start_ms))

    def forget(self) -> None:
        """Begin anew, because the job changed."""
        self._rates.clear()


def is_fuller(samples: int, than: int) -> bool:
    """Return whether one answer to a window holds noticeably more than another one."""
    return than < _FEWER * samples
