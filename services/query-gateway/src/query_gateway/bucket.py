"""Token buckets: how often something may happen, with bursts; pure, the clock is an argument."""

from dataclasses import dataclass


@dataclass
class _Level:
    tokens: float
    at: float


class Buckets:
    """One bucket per key. A bucket that is full again is forgotten."""

    _MAX_KEYS = 100_000

    def __init__(self) -> None:
        self._levels: dict[str, _Level] = {}

    def __len__(self) -> int:
        return len(self._levels)

    def take(self, key: str, rate: float, burst: float, now: float) -> float:
        """Take one token from the bucket of `key`; return 0, or the seconds until there is one.

        `rate` is tokens per second, `burst` what a full bucket holds; both may change at any time.
        """
        level = self._levels.get(key)
        if level is None:
            self._make_room(rate, burst, now)
            level = self._levels[key] = _Level(burst, now)
        level.tokens = min(burst, level.tokens + (now - level.at) * rate)
        level.at = now
        if level.tokens >= 1:
            level.tokens -= 1
            return 0.0
        return (1 - level.tokens) / rate

    def _make_room(self, rate: float, burst: float, now: float) -> None:
        """Forget full buckets when there are too many, and the oldest where none is full."""
        if len(self._levels) < self._MAX_KEYS:
            return
        full = [
            key
            for key, level in self._levels.items()
            if level.tokens + (now - level.at) * rate >= burst
        ]
        for key in full or list(self._levels)[: self._MAX_KEYS // 10]:
            del self._levels[key]
