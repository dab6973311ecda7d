"""Notice that pushed batches left the stream before an endpoint took them. They cannot be made up.

What clusters push has no source that could be asked again. Several receivers publish on one subject, so
no batch knows the one before it; but each names one that its receiver knows to be stored before it
(`Tenantry-After`). If that one is gone, and this cursor never settled it, then it was missed, and
perhaps others with it.
"""

from collections.abc import Awaitable, Callable

from tenantry_common import batches, bus, subjects
from writer.batch import Batch


class PushedGaps:
    """Watches one lane. Everything raises `errors.BusUnavailable`."""

    def __init__(self, connection: bus.Bus) -> None:
        self._bus = connection
        self._settled = 0
        """Sequence of the last batch that this instance settled."""
        self._reached_ms = 0
        self._told = 0

    async def missed(
        self, delivery: batches.Delivery, batch: Batch, floor: Callable[[], Awaitable[int]]
    ) -> int | None:
        """Return for how many milliseconds something was missed before `delivery`, None for nothing.

        0: it is not known for how long. `floor`: up to where the cursor has settled everything.
        Each gap is told once. Costs nothing in the ordinary case.
        """
        if batch.after <= max(self._settled, self._told):
            return None
        settled = await floor()
        if not settled or settled >= batch.after:
            return None  # a new cursor misses nothing
        oldest = await batches.following(
            self._bus, subjects.SAMPLES, delivery.subject, batch.after - 1
        )
        if oldest is None or oldest.sequence != delivery.sequence:
            return None
        self._told = batch.after
        return max(0, batch.window_start_ms - self._reached_ms) if self._reached_ms else 0

    def settled(self, delivery: batches.Delivery, batch: Batch) -> None:
        """Take note of what the endpoint has."""
        self._settled = delivery.sequence
        self._reached_ms = max(self._reached_ms, batch.window_end_ms)
