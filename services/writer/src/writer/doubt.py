"""Tell which batches may have been delivered by a cursor that NATS has forgotten since; pure.

A consumer that nobody asked for a long time is forgotten, and made again it begins at the oldest
batch, each handed out for the first time. What was stored on the stream before the consumer came
into being may have been delivered by its predecessor, or may be new to an endpoint that is new: the
endpoint itself tells. Of a batch that it has it refuses nearly every series, because newer samples
of them followed; a single sample that is its newest it takes again. So a batch of which it takes
more than it refuses is new to it, and what it refuses of that is lost. Once it takes everything of
two windows in a row, the rest is new to it.
"""

import datetime
from collections.abc import Sequence
from dataclasses import replace

from writer import isolate
from writer.batch import Batch


class Doubt:
    """About the batches of one consumer, which came into being at `created`."""

    def __init__(self, created: datetime.datetime) -> None:
        self._created = created
        self._taken_ms: int | None = None
        self._over = False

    def about(self, stored: datetime.datetime) -> bool:
        """Return whether a batch that the stream took at `stored` may have been delivered before."""
        return not self._over and stored <= self._created

    def judge(
        self, batch: Batch, refused: Sequence[isolate.Refused]
    ) -> tuple[isolate.Refused, ...]:
        """Return the final verdicts on a batch that was in doubt."""
        known = sum(one.verdict == "already stored" for one in refused)
        if 2 * known >= batch.series:
            return tuple(refused)
        return tuple(replace(one, verdict="rejected") for one in refused)

    def settled(self, batch: Batch, refused: Sequence[isolate.Refused]) -> None:
        """Take note of what the endpoint made of `batch`, by the final verdicts."""
        if any(one.verdict == "already stored" for one in refused):
            self._taken_ms = None
        elif self._taken_ms is None:
            self._taken_ms = batch.window_end_ms
        elif batch.window_end_ms > self._taken_ms:
            self._over = True
