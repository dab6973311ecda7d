"""When a query is asked: at two instants, and over a range."""

from dataclasses import dataclass
from random import Random

from tests.oracle.promql import curves

_FIRST = curves.START + 15 * 60_000
_LAST = curves.END + 7 * 60_000  # the last samples are then out of reach


@dataclass(frozen=True)
class Moment:
    """An instant when `step` is 0, else the range from `start` to `end`. All in milliseconds."""

    start: int
    end: int
    step: int = 0

    @property
    def path(self) -> str:
        """The endpoint that answers for it."""
        return "/api/v1/query_range" if self.step else "/api/v1/query"

    def parameters(self) -> dict[str, str]:
        """Return it as the API's parameters."""
        if not self.step:
            return {"time": _seconds(self.start)}
        return {
            "start": _seconds(self.start),
            "end": _seconds(self.end),
            "step": _seconds(self.step),
        }


def draw(rng: Random) -> tuple[Moment, Moment, Moment]:
    """Draw two instants, one of them a full minute, and a range of at most 25 steps."""
    full = rng.randrange(_FIRST // 60_000, curves.END // 60_000) * 60_000
    any_time = rng.randrange(_FIRST, _LAST)
    step = rng.choice((10_000, 30_000, 47_123, 60_000, 300_000))
    start = rng.randrange(_FIRST, curves.END - 600_000)
    end = min(start + step * rng.randint(1, 24), _LAST)
    return Moment(full, full), Moment(any_time, any_time), Moment(start, end, step)


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds // 1000}.{milliseconds % 1000:03d}"
