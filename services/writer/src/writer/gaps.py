"""Notice that the stream went on without an endpoint, and ask for what it missed.

An endpoint that is away, or slow, for longer than the stream remembers finds the next batch standing
behind others that are gone. Each batch names its predecessor (`Tenantry-After`), so this shows at
the first batch that it takes: the predecessor is not on the stream any more. Whether the endpoint
had it is told by

* this instance, if it settled the last batch that was handed out to anybody;
* else a note in KV `backfills`, which is put while a batch cannot be delivered, says where the
  endpoint stands, and outlives every writer;
* else, where writers take turns on a lane that lags, what this instance settled last;
* else nothing: no writer was there. Then the span's beginning is not known. (A cursor that never
  settled anything belongs to a new endpoint, which misses nothing.)

The request is the same note with an end, see `contracts.Backfill`; `makeup` delivers the answer.
"""

import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from tenantry_common import batches, bus, contracts, kv, subjects
from tenantry_common.contracts import Backfill
from writer.assign import Lane
from writer.backfills import Backfills
from writer.batch import Batch

_LAG_MS = 60_000


class _Place(NamedTuple):
    """Where an endpoint stands."""

    start_ms: int
    exact: bool


class _Last(NamedTuple):
    """The last batch that this instance settled."""

    number: int
    sequence: int
    batch: Batch


class Gaps:
    """Watches one lane. Everything raises `errors.BusUnavailable`."""

    def __init__(
        self,
        connection: bus.Bus,
        lane: Lane,
        backfills: Backfills,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._bus = connection
        self._lane = lane
        self._backfills = backfills
        self._now = now
        self._open_key = subjects.backfill_key(lane.shard, lane.endpoint.id, 0)
        self._noted: Backfill | None = None
        self._moved = False
        self._stale: tuple[Backfill | None, ...] = ()
        self._last: _Last | None = None

    async def stuck(self, batch: Batch) -> None:
        """Note that the endpoint does not take `batch`, once."""
        if self._lane.endpoint.kind == "pushgateway":
            return  # holds the latest only
        if not self._has_note:
            await self._note(batch.window_start_ms, exact=batch.part == 1)

    async def check(
        self, delivery: batches.Delivery, batch: Batch, is_new: Callable[[], Awaitable[bool]]
    ) -> Backfill | None:
        """Return the request for what is missing before `delivery`, put now unless it was before.

        `is_new`: whether the cursor never settled anything. Costs nothing in the ordinary case.
        """
        if self._lane.endpoint.kind == "pushgateway" or not self._in_doubt(delivery, batch):
            return None
        if not await self._is_gone(delivery, batch):
            return None
        note = await self._read(self._open_key)
        if (place := await self._place(delivery, note, is_new)) is None:
            return None
        end_ms = batch.window_start_ms if batch.part == 1 else batch.window_end_ms
        start_ms = max(place.start_ms, *self._asked_until(place.start_ms, end_ms))
        if start_ms >= end_ms:
            return None
        key = subjects.backfill_key(self._lane.shard, self._lane.endpoint.id, end_ms)
        if (known := await self._read(key)) is not None:
            return known if known.is_open else None
        if note is None:  # says later, to whoever gets this batch again, that this was asked for
            await self._note(start_ms, exact=place.exact)
        request = self._backfill(start_ms, end_ms, exact=place.exact and batch.part == 1)
        await kv.put(self._bus, subjects.BACKFILLS, key, contracts.encode(request))
        return request

    async def made_up(self, request: Backfill) -> None:
        """Note that the endpoint has all of `request` that is to be had."""
        note = await self._read(self._open_key)
        if not request.by_hand and note is not None and note.start_ms < request.end_ms:
            await self._note(request.end_ms, exact=request.exact)

    async def settled(self, delivery: batches.Delivery, batch: Batch) -> None:
        """Move the note behind `batch`; take it back once a second batch has passed.

        The batch that was in hand all the time may itself have left the stream, so that the gap
        shows only at the next one.
        """
        if self._has_note:
            if self._moved:
                await kv.delete(self._bus, subjects.BACKFILLS, self._open_key)
                # The view of the bucket may go on showing it for a moment.
                self._stale = (self._noted, self._backfills.of(self._lane).get(self._open_key))
                self._noted, self._moved = None, False
            else:
                place = _behind(batch)
                await self._note(place.start_ms, exact=place.exact)
                self._moved = True
        self._last = _Last(delivery.number, delivery.sequence, batch)

    @property
    def _has_note(self) -> bool:
        """Whether there is a note, ours or another writer's."""
        seen = self._backfills.of(self._lane).get(self._open_key)
        if seen is None:
            self._stale = ()
        return self._noted is not None or (seen is not None and seen not in self._stale)

    def _in_doubt(self, delivery: batches.Delivery, batch: Batch) -> bool:
        """Return whether something may be missing, as far as can be said without asking."""
        if not batch.after:
            return False  # the first of its shard
        last = self._last
        if last is None or self._has_note:
            return True
        if delivery.number == last.number + 1:
            return not _follows(batch, last)
        return self._now() * 1000 - batch.window_end_ms > _LAG_MS

    async def _is_gone(self, delivery: batches.Delivery, batch: Batch) -> bool:
        """Return whether the batch before `delivery` is not on the stream any more."""
        oldest = await batches.following(
            self._bus, subjects.SAMPLES, delivery.subject, batch.after - 1
        )
        return oldest is not None and oldest.sequence == delivery.sequence

    async def _place(
        self,
        delivery: batches.Delivery,
        note: Backfill | None,
        is_new: Callable[[], Awaitable[bool]],
    ) -> _Place | None:
        """Return where the endpoint stands, None if it misses nothing."""
        last = self._last
        if last is not None and delivery.number == last.number + 1:
            return _behind(last.batch)
        if note is not None:
            return _Place(note.start_ms, note.exact)
        if last is not None:  # others may have settled more since
            return _Place(_behind(last.batch).start_ms, exact=False)
        return None if await is_new() else _Place(0, exact=False)

    def _asked_until(self, start_ms: int, end_ms: int) -> list[int]:
        """Return the ends of earlier requests that cover the beginning of a span."""
        return [start_ms] + [
            one.end_ms
            for one in self._backfills.requests(self._lane).values()
            if not one.by_hand and start_ms <= one.end_ms < end_ms
        ]

    async def _read(self, key: str) -> Backfill | None:
        value = (await kv.entry(self._bus, subjects.BACKFILLS, key)).value
        return None if value is None else contracts.decode_backfill(value)

    async def _note(self, start_ms: int, *, exact: bool) -> None:
        self._noted = self._backfill(start_ms, 0, exact=exact)
        value = contracts.encode(self._noted)
        await kv.put(self._bus, subjects.BACKFILLS, self._open_key, value)

    def _backfill(self, start_ms: int, end_ms: int, *, exact: bool) -> Backfill:
        lane = self._lane
        return Backfill(
            tenant=lane.shard.job.tenant,
            job=lane.shard.job.name,
            shard=lane.shard.shard,
            endpoint=lane.endpoint.id,
            start_ms=start_ms,
            end_ms=end_ms,
            at_ms=int(self._now() * 1000),
            exact=exact,
        )


def _behind(batch: Batch) -> _Place:
    """Return where an endpoint stands that has everything up to `batch`."""
    if batch.part == batch.parts:
        return _Place(batch.window_end_ms, exact=True)
    return _Place(batch.window_start_ms, exact=False)  # it has a part of the window


def _follows(batch: Batch, last: _Last) -> bool:
    """Return whether nothing was published between the two."""
    if batch.part == 1:
        return batch.after == last.sequence
    same_window = batch.window_end_ms == last.batch.window_end_ms
    return same_window and batch.part == last.batch.part + 1
