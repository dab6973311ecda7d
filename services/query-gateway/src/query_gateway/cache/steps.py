"""Steps of range queries, numbered since the epoch, so that requests at different times share them; pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

CHUNK = 64
"""Steps that are kept together."""


class Span(NamedTuple):
    """Steps from `first` to `last`, both included."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Steps:
    """Where the steps of a query lie: every `step` milliseconds, `phase` after a multiple of that."""

    step: int
    phase: int

    def time(self, number: int) -> int:
        """Return the time of a step, in milliseconds since the epoch."""
        return number * self.step + self.phase

    def before(self, time: int) -> int:
        """Return the last step that is not after a time."""
        return (time - self.phase) // self.step


def steps_of(start: int, end: int, step: int) -> tuple[Steps, Span]:
    """Return the steps of a range query, all in milliseconds."""
    phase = start % step
    return Steps(step, phase), Span((start - phase) // step, (end - phase) // step)


def chunks(span: Span) -> range:
    """Return the numbers of the chunks in which the steps lie."""
    return range(span.first // CHUNK, span.last // CHUNK + 1)


def part(span: Span, chunk: int) -> Span:
    """Return the steps of a span that lie in a chunk."""
    return Span(max(span.first, chunk * CHUNK), min(span.last, (chunk + 1) * CHUNK - 1))


def without(span: Span, gaps: Sequence[Span]) -> list[Span]:
    """Return what is left of a span without the gaps, which are in ascending order."""
    found = []
    first = span.first
    for gap in gaps:
        if gap.last < first or gap.first > span.last:
            continue
        if gap.first > first:
            found.append(Span(first, gap.first - 1))
        first = max(first, gap.last + 1)
    if first <= span.last:
        found.append(Span(first, span.last))
    return found


def joined(spans: list[Span]) -> list[Span]:
    """Join spans in ascending order that touch one another."""
    found: list[Span] = []
    for span in spans:
        if found and found[-1].last + 1 >= span.first:
            found[-1] = Span(found[-1].first, max(found[-1].last, span.last))
        else:
            found.append(span)
    return found
