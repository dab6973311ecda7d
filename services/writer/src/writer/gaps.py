"""Notice that the stream went on without an endpoint, and ask for what it missed.

An endpoint that is away for longer than the stream remembers finds the next batch standing behind
others that are gone. Each batch names its predecessor (`Tenantry-After`), so this shows at the first
batch that it takes: the predecessor is not on the stream any more. Whether the endpoint had it
is told by a note that is put into KV `backfills` while a batch cannot be delivered, and that says
where the endpoint stands: it outlives every writer. Without a note there is no gap, unless no writer
was there to put it; then the span's beginning is not known.

The request is the same note with an end, see `contracts.Backfill`. It stays until it is answered.
"""

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping

from tenantry_common import batches, bus, contracts, kv, subjects
from tenantry_common.contracts import Backfill
from writer.assign import Lane
from writer.batch import Batch

_SHOWN = 20

type Notes = Callable[[], Mapping[str, Backfill]]
"""KV `backfills` as it is now."""


def spans(notes: Iterable[Backfill], lane: Lane) -> tuple[tuple[int, int], ...]:
    """Return the spans that were asked for and are not made up, oldest first; pure."""
    own = (
        (one.start_ms, one.end_ms)
        for one in notes
        if one.end_ms
        and (one.tenant, one.job) == lane.shard.job
        and (one.shard, one.endpoint) == (lane.shard.shard, lane.endpoint.id)
    )
    return tuple(sorted(own, key=lambda span: span[1])[:_SHOWN])


class Gaps:
    """Watches one lane. Everything raises `errors.BusUnavailable`."""

    def __init__(
        self,
        connection: bus.Bus,
        lane: Lane,
        notes: Notes,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._bus = connection
        self._lane = lane
        self._notes = notes
        self._now = now
        self._open_key = subjects.backfill_key(lane.shard, lane.endpoint.id, 0)
        self._noted = False
        self._fresh = True
        self._moved_to = 0

    async def stuck(self, batch: Batch) -> None:
        """Note that the endpoint does not take `batch`, once."""
        if self._lane.endpoint.kind == "pushgateway":
            return  # holds the latest only
        if not self._noted and self._open_key not in self._notes():
            await self._put(self._open_key, batch.window_start_ms, 0)
        self._noted = True

    async def check(
        self, delivery: batches.Delivery, batch: Batch, is_new: Callable[[], Awaitable[bool]]
    ) -> Backfill | None:
        """Return what is missing before `delivery`, and ask for it. `is_new`: of the consumer.

        Costs nothing in the ordinary case.
        """
        note = self._notes().get(self._open_key)
        if self._lane.endpoint.kind == "pushgateway" or (note is None and not self._fresh):
            return None
        if not await self._is_gone(delivery, batch):
            return None
        if note is None and await is_new():
            return None
        start_ms = max(note.start_ms, self._moved_to) if note is not None else 0
        end_ms = batch.window_start_ms if batch.part == 1 else batch.window_end_ms
        if start_ms >= end_ms:
            return None
        key = subjects.backfill_key(self._lane.shard, self._lane.endpoint.id, end_ms)
        return await self._put(key, start_ms, end_ms)

    async def settled(self, batch: Batch) -> None:
        """Move the note behind `batch`; take it back once a second batch has passed.

        The batch that was in hand all the time may itself have left the stream, so that the gap
        shows only at the next one.
        """
        self._fresh = False
        if not self._noted and self._open_key not in self._notes():
            return
        if self._moved_to:
            await kv.delete(self._bus, subjects.BACKFILLS, self._open_key)
            self._noted, self._moved_to = False, 0
        else:
            await self._put(self._open_key, batch.window_end_ms, 0)
            self._noted, self._moved_to = True, batch.window_end_ms

    async def _is_gone(self, delivery: batches.Delivery, batch: Batch) -> bool:
        """Return whether the batch before `delivery` is not on the stream any more."""
        if not batch.after:
            return False  # the first of its shard
        oldest = await batches.following(
            self._bus, subjects.SAMPLES, delivery.subject, batch.after - 1
        )
        return oldest is not None and oldest.sequence == delivery.sequence

    async def _put(self, key: str, start_ms: int, end_ms: int) -> Backfill:
        lane = self._lane
        found = Backfill(
            tenant=lane.shard.job.tenant,
            job=lane.shard.job.name,
            shard=lane.shard.shard,
            endpoint=lane.endpoint.id,
            start_ms=start_ms,
            end_ms=end_ms,
            at_ms=int(self._now() * 1000),
        )
        await kv.put(self._bus, subjects.BACKFILLS, key, contracts.encode(found))
        return found
