"""How many requests each backend has at the moment, and in which order replicas are asked; pure.

Each tenant's query has a preferred replica, so that graphs are stable and caches stay warm. When that
one has clearly more to do than the others, its requests go to the next: consistent hashing with
bounded loads (Mirrokni, Thorup, Zadimoghaddam 2016).
"""

from collections import Counter
from collections.abc import Sequence

_EXCESS = 1.25
"""Share of the mean load that a replica may have before others take over."""
_ALWAYS = 4
"""Requests that a replica may have however few the others have."""


class Load:
    """Requests that are with each backend."""

    def __init__(self) -> None:
        self._outstanding: Counter[str] = Counter()

    def begin(self, backend: str) -> None:
        """Note that a request is sent."""
        self._outstanding[backend] += 1

    def end(self, backend: str) -> None:
        """Note that it is answered, or given up."""
        self._outstanding[backend] -= 1
        if self._outstanding[backend] <= 0:
            del self._outstanding[backend]

    def order(self, preferred: Sequence[str]) -> tuple[str, ...]:
        """Return replicas in the order in which they are asked: `preferred`, the busy ones last."""
        if len(preferred) < 2:
            return tuple(preferred)
        total = sum(self._outstanding[name] for name in preferred)
        most = max(_ALWAYS, _EXCESS * (total + 1) / len(preferred))
        return tuple(sorted(preferred, key=lambda name: self._outstanding[name] >= most))
