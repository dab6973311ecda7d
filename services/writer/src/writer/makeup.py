"""Deliver what is made up for an endpoint before anything that is newer goes to it.

A collector answers a request for backfill with batches on a subject of the lane's own. They are
pulled here by a second consumer of the same kind as the lane's, so that any number of writers takes
part and each batch is in one hand at a time. A request is settled when the collector has said that
it has published all of it, and all of it is acknowledged; whoever sees that first says so.

What went by on the stream waits meanwhile, because order demands it. But not for ever: a request
that nobody gets on with for `patience` seconds is overtaken, and delivered whenever it is answered,
to endpoints that take samples out of order then. What a person asked for by hand holds up nothing
from the beginning.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from tenantry_common import batches, bus, contracts, errors, kv, subjects
from tenantry_common.contracts import Backfill
from writer.assign import Lane
from writer.backfills import Backfills
from writer.gaps import Gaps
from writer.tally import Tally

_log = logging.getLogger(__name__)

_BUSY_SECONDS = 1.0
_GLANCE_SECONDS = 0.05
_SETTLED_SECONDS = 300  # for which a settled request is there to be read

type Take = Callable[[batches.OrderedPull, float], Awaitable[batches.Delivery | None]]
"""Ask for so many seconds at most; None when nothing came."""


class Settle(Protocol):
    """Deliver a batch and settle it; return how many series were refused, None if it was left."""

    async def __call__(
        self, delivery: batches.Delivery, *, maybe_stored: bool, in_part: bool
    ) -> int | None: ...


class Makeup:
    """What is to be made up on one lane. Everything raises `errors.BusUnavailable`."""

    def __init__(
        self,
        connection: bus.Bus,
        lane: Lane,
        backfills: Backfills,
        gaps: Gaps,
        tally: Tally,
        *,
        ack_wait: float,
        idle: float,
        patience: float,
        take: Take,
        settle: Settle,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.reached_ms = 0
        """The endpoint has everything up to there that this instance saw made up."""
        self._bus = connection
        self._lane = lane
        self._backfills = backfills
        self._gaps = gaps
        self._tally = tally
        self._ack_wait = ack_wait
        self._idle = idle
        self._patience = patience
        self._take = take
        self._settle = settle
        self._now = now
        self._subject = subjects.backfill(lane.shard, lane.endpoint.id)
        self._pull: batches.OrderedPull | None = None
        self._asked: dict[str, Backfill] = {}
        self._done: dict[str, str] = {}
        self._moved: dict[str, tuple[object, float]] = {}
        self._overtaken: set[str] = set()
        self._fields = {
            "tenant": lane.shard.job.tenant,
            "job": lane.shard.job.name,
            "shard": lane.shard.shard,
            "endpoint": lane.endpoint.id,
        }

    @property
    def due(self) -> bool:
        """Whether anything is to be made up."""
        return bool(self._requests())

    @property
    def blocking(self) -> bool:
        """Whether anything is to be made up before newer batches are delivered."""
        return any(
            key not in self._overtaken and not one.by_hand for key, one in self._requests().items()
        )

    def expect(self, request: Backfill) -> None:
        """Take note of what was just asked for, which the view of the bucket may not show yet."""
        key = subjects.backfill_key(self._lane.shard, self._lane.endpoint.id, request.end_ms)
        self._asked[key] = request

    async def turn(self) -> bool:
        """Deliver one batch, if one is there, and return whether; settle what is answered."""
        pull = await self._opened()
        delivery = await self._take(pull, _BUSY_SECONDS if self.blocking else _GLANCE_SECONDS)
        if delivery is not None:
            await self._deliver(delivery)
        if delivery is None or not delivery.pending:
            await self._look(pull)
        return delivery is not None

    async def close(self) -> None:
        """Stop asking; the cursor stays."""
        pull, self._pull = self._pull, None
        if pull is not None:
            with contextlib.suppress(errors.BusUnavailable):
                await pull.close()

    def _requests(self) -> dict[str, Backfill]:
        """Return what is open, by key: the view of the bucket, and what we know to be newer."""
        seen = self._backfills.of(self._lane)
        self._asked = {key: one for key, one in self._asked.items() if key not in seen}
        found = self._backfills.requests(self._lane) | self._asked
        self._done = {key: name for key, name in self._done.items() if key in found}
        return {key: one for key, one in found.items() if self._done.get(key) != one.id}

    async def _opened(self) -> batches.OrderedPull:
        if self._pull is None:
            self._pull = await batches.OrderedPull.open(
                self._bus,
                name=self._lane.consumer,
                subject=self._subject,
                ack_wait=self._ack_wait,
                idle=self._idle,
                stream=subjects.BACKFILL,
            )
        return self._pull

    async def _deliver(self, delivery: batches.Delivery) -> None:
        name = delivery.headers.get(subjects.HEADER_BACKFILL, "")
        key, request = next(
            ((key, one) for key, one in self._requests().items() if one.id == name), ("", None)
        )
        # What a person asked for lies before what the endpoint has: all or nothing of it is new.
        by_hand = request is not None and request.by_hand
        known = request is not None and request.exact
        refused = await self._settle(
            delivery, maybe_stored=not known, in_part=not known and not by_hand
        )
        if key:
            self._moved.pop(key, None)
        if key and refused:
            await self._count_refused(key, refused)

    async def _count_refused(self, key: str, refused: int) -> None:
        """Add to the request's count, whoever else writes it meanwhile."""
        while True:
            entry, current = await self._read(key)
            if current is None:
                return
            counted = msgspec.structs.replace(current, refused=current.refused + refused)
            with contextlib.suppress(errors.Fenced):
                await self._write(key, counted, entry.revision)
                return

    async def _look(self, pull: batches.OrderedPull) -> None:
        """Settle what is answered, and see to it that nothing is waited for in vain."""
        for key, one in self._requests().items():
            entry, current = await self._read(key)
            if current is None or not current.is_open:
                self._forget(key, one)
            elif current.answered_ms and await pull.has_settled(current.sequence):
                await self._settled(key, current, entry.revision)
            else:
                self._overtake_if_late(key, current)

    async def _settled(self, key: str, request: Backfill, revision: int) -> None:
        await self._gaps.made_up(request)
        if request.sequence:
            await batches.discard(
                self._bus, subjects.BACKFILL, self._subject, until=request.sequence
            )
        done = msgspec.structs.replace(request, delivered_ms=int(self._now() * 1000))
        try:
            await self._write(key, done, revision, ttl=_SETTLED_SECONDS)
        except errors.Fenced:
            return  # another writer said it, or counted what was refused: look again
        self._forget(key, done)
        self._tally.made_up(done)
        missed = done.lost_ms + done.empty_ms
        _log.log(
            logging.ERROR if missed else logging.INFO,
            "gap is made up as far as possible" if missed else "gap is made up",
            extra={**self._fields, **_said(done)},
        )

    def _forget(self, key: str, request: Backfill) -> None:
        if not request.by_hand:
            self.reached_ms = max(self.reached_ms, request.end_ms)
        self._done[key] = request.id
        self._asked.pop(key, None)
        self._moved.pop(key, None)
        self._overtaken.discard(key)

    def _overtake_if_late(self, key: str, request: Backfill) -> None:
        state = (request.done_ms, request.samples, request.answered_ms)
        now = asyncio.get_running_loop().time()
        before, since = self._moved.get(key, (None, now))
        if state != before:
            self._moved[key] = (state, now)
        elif now - since > self._patience and key not in self._overtaken:
            self._overtaken.add(key)
            if not request.by_hand:
                self._tally.stopped(
                    f"{_seconds(request)} are not made up yet, newer batches go first: "
                    f"{request.error or 'no collector answers'}"
                )
                _log.error(
                    "gap waits, newer batches go first", extra={**self._fields, **_said(request)}
                )

    async def _read(self, key: str) -> tuple[kv.Entry, Backfill | None]:
        entry = await kv.entry(self._bus, subjects.BACKFILLS, key)
        return entry, None if entry.value is None else contracts.decode_backfill(entry.value)

    async def _write(
        self, key: str, value: Backfill, revision: int, *, ttl: int | None = None
    ) -> None:
        await kv.compare_and_set(
            self._bus,
            subjects.BACKFILLS,
            key,
            contracts.encode(value),
            revision=revision,
            ttl=ttl,
        )


def _seconds(request: Backfill) -> str:
    if not request.start_ms:
        return "an unknown number of seconds"
    return f"{(request.end_ms - request.start_ms) / 1000:g} s"


def _said(request: Backfill) -> dict[str, int | str]:
    return {
        "start": request.start_ms,
        "end": request.end_ms,
        "samples": request.samples,
        "older_than_lookback_ms": request.lost_ms,
        "empty_ms": request.empty_ms,
        "refused": request.refused,
        "reason": request.error,
    }
