"""Get one window from one replica in answers that are small enough, divided by metric names.

A window that cannot be cut in time any more is asked for name by name: its series fall into parts
that exclude one another, so each series still comes once. The parts are remembered: the next window
has about the same size.
"""

from collections import deque
from collections.abc import AsyncIterator

from prometheus_client import Histogram

from collector import selection
from collector.pull import Answer, Failed, Outcome, Puller, TooLarge
from collector.schedule import Window
from collector.selection import Names
from tenantry_common.contracts import Backend
from tenantry_promql import RuleSet

_MOST_PARTS = 64


class Divided:
    """Asks for the windows of one shard, in as many parts as it takes."""

    def __init__(self, puller: Puller, seconds: Histogram) -> None:
        """`seconds` observes how long answers take, labelled by backend."""
        self._puller = puller
        self._seconds = seconds
        self._parts: tuple[Names, ...] = (selection.ALL,)

    async def read(
        self, backend: Backend, rules: RuleSet, span: Window, *, by_name: bool
    ) -> AsyncIterator[Outcome]:
        """Yield the answers that together hold `span`; the last one may be no `Answer`.

        Not `by_name`: an answer that is too large is the end, the window is to be cut in time.
        """
        waiting = deque(self._parts)
        done: list[Names] = []
        size = 0
        while waiting:
            part = waiting.popleft()
            with self._seconds.labels(backend.id).time():
                outcome = await self._puller.read(backend, selection.queries(rules, span, part))
            if isinstance(outcome, TooLarge) and by_name:
                smaller = await self._smaller(backend, rules, span, part, outcome)
                if isinstance(smaller, TooLarge):
                    yield smaller
                    return
                waiting.extendleft(reversed(smaller))
                continue
            yield outcome
            if not isinstance(outcome, Answer):
                return
            size += len(outcome.data)
            done.append(part)
        fits = size < self._puller.max_bytes // 2
        self._parts = (selection.ALL,) if fits else tuple(done)

    async def _smaller(
        self, backend: Backend, rules: RuleSet, span: Window, part: Names, answer: TooLarge
    ) -> tuple[Names, ...] | TooLarge:
        """Return the parts of a part that was too large, or why it has none."""
        names = part.names
        if part.others:
            known = await self._puller.metric_names(backend, selection.queries(rules, span, part))
            if isinstance(known, Failed):
                return answer._replace(reason=f"{answer.reason}, and {known.reason}")
            names = tuple(known)
        # Names hold unequal numbers of series: rather some parts more than another division.
        count = min(_MOST_PARTS, max(2, 2 * answer.size // self._puller.max_bytes))
        smaller = part.parted(names, count)
        if len(smaller) < 2 or smaller[-1] == part:
            return answer._replace(reason=f"{answer.reason}, and it is one metric name")
        return smaller
