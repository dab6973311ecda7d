"""Which object's status is looked at next, so that no object is written too often; pure.

Times are monotonic seconds. An object that was touched is looked at as soon as it may be written
again; one whose status depends on time alone is looked at now and then.
"""

import heapq
from collections.abc import Iterable

from tenantry_common.kubernetes_store import Key


class Pace:
    """The objects whose status may have to be written, and when."""

    def __init__(self, news_seconds: float, progress_seconds: float) -> None:
        self._news = news_seconds
        self._progress = progress_seconds
        self._due: dict[Key, float] = {}
        self._queue: list[tuple[float, Key]] = []
        self._written: dict[Key, float] = {}

    def touch(self, keys: Iterable[Key], now: float) -> None:
        """Note that something about these objects changed."""
        for key in keys:
            self._plan(key, max(now, self._written.get(key, float("-inf")) + self._news))

    def look_again(self, key: Key, now: float) -> None:
        """Plan to look at an object after a while, because its status tells of time passing."""
        self.later(key, now + self._progress)

    def later(self, key: Key, at: float) -> None:
        """Plan to look at an object at a moment, or earlier where that is planned already."""
        self._plan(key, at)

    def forget(self, key: Key) -> None:
        """Drop an object that is gone."""
        self._due.pop(key, None)
        self._written.pop(key, None)

    def wrote(self, key: Key, now: float) -> None:
        """Note that the status of an object was written, or that this failed."""
        self._written[key] = now

    def may_write_progress(self, key: Key, now: float) -> bool:
        """Whether it is time again to tell how far a delivery has come."""
        return now >= self._written.get(key, float("-inf")) + self._progress

    def due(self, now: float, most: int) -> list[Key]:
        """Return at most `most` objects that are to be looked at now, those due longest first."""
        found: list[Key] = []
        while self._queue and self._queue[0][0] <= now and len(found) < most:
            at, key = heapq.heappop(self._queue)
            if self._due.get(key) == at:  # else it was planned anew
                del self._due[key]
                found.append(key)
        return found

    @property
    def next_at(self) -> float | None:
        """When the next object is due; None when there is none."""
        while self._queue and self._due.get(self._queue[0][1]) != self._queue[0][0]:
            heapq.heappop(self._queue)
        return self._queue[0][0] if self._queue else None

    def _plan(self, key: Key, at: float) -> None:
        if key not in self._due or at < self._due[key]:
            self._due[key] = at
            heapq.heappush(self._queue, (at, key))
