"""Tell which batches may have been delivered by a cursor that NATS has forgotten since; pure.

A consumer that nobody asked for a long time is forgotten, and made again it begins at the oldest
batch, each handed out for the first time. What was stored on the stream before the consumer came
into being may have been delivered by its predecessor, or may be new to an endpoint that is new: the
endpoint itself tells. Once it takes everything of two windows in a row, the rest is new to it.
"""

import datetime
from collections.abc import Iterable

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

    def settled(self, batch: Batch, refused: Iterable[isolate.Refused]) -> None:
        """Take note of what the endpoint made of `batch`."""
        if any(one.verdict == "already stored" for one in refused):
            self._taken_ms = None
        elif self._taken_ms is None:
            self._taken_ms = batch.window_end_ms
        elif batch.window_end_ms > self._taken_ms:
            self._over = True
