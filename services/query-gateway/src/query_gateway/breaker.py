"""Which backends are not asked for a while because they failed; pure, the clock is an argument.

A circuit breaker per backend: a few failures in a row open it; after a pause, which doubles while
it goes on failing, one request is let through as a trial, and its outcome decides.
"""

from dataclasses import dataclass


@dataclass(slots=True)
class _Circuit:
    failures: int = 0
    """In a row."""
    pause: float = 0.0
    closed_at: float = 0.0
    """When the next trial may begin; only while open."""

    @property
    def is_open(self) -> bool:
        return self.pause > 0


class Breaker:
    """The circuits of all backends."""

    def __init__(self, *, failures: int, seconds: float, most_seconds: float) -> None:
        """Open after so many `failures`, first for so many `seconds`, later for up to `most_seconds`."""
        self._failures = failures
        self._seconds = seconds
        self._most_seconds = most_seconds
        self._circuits: dict[str, _Circuit] = {}

    def take(self, backend: str, now: float) -> bool:
        """Return whether the backend may be asked now. A trial is given to one request at a time."""
        circuit = self._circuits.get(backend)
        if circuit is None or not circuit.is_open:
            return True
        if now < circuit.closed_at:
            return False
        circuit.closed_at = now + circuit.pause  # for others, while the trial lasts
        return True

    def succeeded(self, backend: str) -> None:
        """Note an answer, of whatever status: it is there."""
        self._circuits.pop(backend, None)

    def failed(self, backend: str, now: float) -> None:
        """Note that it gave no answer."""
        circuit = self._circuits.setdefault(backend, _Circuit())
        circuit.failures += 1
        if circuit.failures >= self._failures:
            circuit.pause = min(circuit.pause * 2 or self._seconds, self._most_seconds)
            circuit.closed_at = now + circuit.pause
