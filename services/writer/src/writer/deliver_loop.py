"""The loop of one lane: pull a batch, have it delivered, acknowledge it.

Why the order holds, and nothing is lost or stored twice:

1. The server hands out batch n+1 only after n was acknowledged, and n is acknowledged only after
   the endpoint has stored it or has judged each of its series. So nothing overtakes.
2. While we work on a batch we hold it (`hold`): word of progress keeps it from others, and when the
   server cannot be reached we stop before it would give the batch away. So requests of two writers
   do not overlap, as long as the request that is under way when we stop ends within the margin.
3. Where it does not (a frozen process, bytes that linger in a network), a second copy of n reaches
   the endpoint while somebody else delivers n, or even after n+1. It is the same bytes, and the
   first copy was stored: an endpoint without an out-of-order window refuses the second as out of
   order, one with a window stores the same value at the same time again, which changes nothing. We
   do not act on its answer, because our hold has ended: no verdict, no acknowledgement.
4. A batch that was handed out before, or whose request got no answer, may have been stored: what
   the endpoint then refuses about its time counts as already stored, see `isolate`. The same holds
   for what a cursor that was forgotten may have delivered (`doubt`).
5. A writer that dies at any point leaves its batch unacknowledged: it is handed out again after
   `ack_wait`, as in 4.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace

from tenantry_common import backoff, batches, bus, errors, logs, subjects
from writer import batch, deliver, hold, outcome, rejects
from writer.assign import Lane
from writer.backfills import Backfills
from writer.doubt import Doubt
from writer.gaps import Gaps
from writer.makeup import Makeup
from writer.metrics import Metrics
from writer.pushed_gaps import PushedGaps
from writer.tally import Tally

_log = logging.getLogger(__name__)

_ASK_SECONDS = 5.0
_SHARE_SECONDS = 0.5  # for each of both, while batches are made up that hold up nothing
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0
_REPEAT_LOG_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class Cursor:
    """Settings of the consumers; seconds."""

    ack_wait: float
    idle: float
    stuck: float = 60.0
    """Without success, after which it is noted where the endpoint stands."""
    patience: float = 600.0
    """Without progress of a backfill, after which newer batches go first."""


class DeliverLoop:
    """Delivers on one lane until it is cancelled or drained."""

    def __init__(
        self,
        connection: bus.Bus,
        lane: Lane,
        post: deliver.Post,
        *,
        patience: deliver.Patience,
        cursor: Cursor,
        tally: Tally,
        metrics: Metrics,
        backfills: Backfills,
        loading: deliver.Loading | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.lane = lane
        self.tally = tally
        self._bus = connection
        self._cursor = cursor
        self._fault_pause = patience.at_fault
        self._metrics = metrics
        self._gaps = Gaps(connection, lane, backfills, now=now)
        self._pushed_gaps = PushedGaps(connection)
        self._makeup = Makeup(
            connection,
            lane,
            backfills,
            self._gaps,
            tally,
            ack_wait=cursor.ack_wait,
            idle=cursor.idle,
            patience=cursor.patience,
            take=self._next,
            settle=self._settle_backfill,
            now=now,
        )
        self._loading = loading or deliver.AsItIs()
        self._draining = asyncio.Event()
        self._asking: asyncio.Timeout | None = None
        self._courier = deliver.Courier(post, patience, self._draining, self._failed)
        self._throttle = logs.Throttle(_REPEAT_LOG_SECONDS)
        self._fields = {
            "tenant": lane.shard.job.tenant,
            "job": lane.shard.job.name,
            "shard": lane.shard.shard,
            "endpoint": lane.endpoint.id,
        }

    def drain(self) -> None:
        """Take in nothing more; `run` returns once the request under way has its answer.

        A batch that is not delivered by then is given back, for whoever asks next.
        """
        self._draining.set()
        if self._asking is not None:
            self._asking.reschedule(asyncio.get_running_loop().time())

    async def run(self) -> None:
        """Return only after `drain`; otherwise deliver for ever, whatever fails."""
        pauses = backoff.delays(_FIRST_PAUSE, _LONGEST_PAUSE)
        while not self._draining.is_set():
            try:
                await self._pull_until_error()
            except errors.BusUnavailable as error:
                self._warn("lane waits for nats", str(error))
            except Exception:  # the top of the loop: the batch comes again after ack_wait
                _log.exception("lane failed, trying again", extra=self._fields)
                self._metrics.errors.inc()
            else:
                pauses = backoff.delays(_FIRST_PAUSE, _LONGEST_PAUSE)
                continue
            await self._pause(next(pauses))

    async def _pull_until_error(self) -> None:
        pull = await batches.OrderedPull.open(
            self._bus,
            name=self.lane.consumer,
            subject=subjects.samples(self.lane.shard),
            ack_wait=self._cursor.ack_wait,
            idle=self._cursor.idle,
        )
        doubt = Doubt(pull.created)
        try:
            while not self._draining.is_set():
                await self._make_up()
                delivery = await self._next(
                    pull, _SHARE_SECONDS if self._makeup.due else _ASK_SECONDS
                )
                if delivery is not None:
                    await self._handle(delivery, pull, doubt)
        finally:
            await self._makeup.close()
            with contextlib.suppress(errors.BusUnavailable):
                await pull.close()

    async def _make_up(self) -> None:
        """Deliver what goes before the next batch, and for a moment what need not."""
        await self._make_up_first()
        until = asyncio.get_running_loop().time() + _SHARE_SECONDS
        while self._makeup.due and not self._draining.is_set():
            if not await self._makeup.turn() or asyncio.get_running_loop().time() > until:
                return

    async def _make_up_first(self) -> None:
        while self._makeup.blocking and not self._draining.is_set():
            await self._insist(self._makeup.turn)

    async def _next(self, pull: batches.OrderedPull, seconds: float) -> batches.Delivery | None:
        """Ask once, shorter than a hold lasts; None when nothing came or `drain` was called."""
        if self._draining.is_set():
            return None
        try:
            async with asyncio.timeout(None) as self._asking:
                return await pull.next(min(seconds, self._cursor.ack_wait / 6))
        except TimeoutError:
            return None
        finally:
            self._asking = None

    async def _handle(
        self, delivery: batches.Delivery, pull: batches.OrderedPull, doubt: Doubt
    ) -> None:
        if (described := await self._read(delivery)) is None:
            return
        began = asyncio.get_running_loop().time()

        async def look_behind() -> None:
            self.tally.waiting(await pull.pending())
            stuck = asyncio.get_running_loop().time() - began >= self._cursor.stuck
            if stuck and not self.lane.pushed:
                await self._gaps.stuck(described)

        async def look_before() -> None:
            if self.lane.pushed:
                await self._look_for_pushes(delivery, described, pull)
                return
            missing = await self._gaps.check(delivery, described, pull.is_new)
            if missing is not None:
                self._makeup.expect(missing)
                self.tally.missed()
                _log.error(
                    "batches left the stream before the endpoint took them",
                    extra={**self._fields, "start": missing.start_ms, "end": missing.end_ms},
                )

        with self._leaving():
            async with hold.of(delivery, self._cursor.ack_wait, look_behind) as right:
                await self._insist(look_before)
                await self._make_up_first()
                doubted = delivery.attempt == 1 and doubt.about(delivery.stored)
                made_up = described.window_end_ms <= self._makeup.reached_ms
                settled = await self._deliver(
                    delivery, right, maybe_stored=doubted or made_up, in_part=doubted
                )
                if settled is None:
                    return
                if doubted:
                    settled = replace(settled, refused=doubt.judge(described, settled.refused))
                self._loading.settled()
                if self.lane.pushed:
                    self._pushed_gaps.settled(delivery, described)
                else:
                    await self._insist(lambda: self._gaps.settled(delivery, described))
                await self._acknowledge(delivery, settled)
                doubt.settled(described, settled.refused)
                self.tally.settled(described, len(delivery.data), settled.refused, delivery.pending)

    async def _look_for_pushes(
        self, delivery: batches.Delivery, described: batch.Batch, pull: batches.OrderedPull
    ) -> None:
        missed_ms = await self._pushed_gaps.missed(delivery, described, pull.floor)
        if missed_ms is not None:
            self.tally.missed_pushes(missed_ms)
            _log.error(
                "pushed batches left the stream before the endpoint took them",
                extra={**self._fields, "missed_ms": missed_ms},
            )

    async def _settle_backfill(
        self, delivery: batches.Delivery, *, maybe_stored: bool, in_part: bool
    ) -> int | None:
        """Deliver one batch that was made up, see `makeup.Settle`."""
        if (described := await self._read(delivery)) is None:
            return None
        with self._leaving():
            async with hold.of(delivery, self._cursor.ack_wait, _nothing) as right:
                settled = await self._deliver(
                    delivery, right, maybe_stored=maybe_stored, in_part=in_part
                )
                if settled is None:
                    return None
                await self._acknowledge(delivery, settled)
                self.tally.backfilled(described, len(delivery.data), settled.refused)
                return len(settled.refused)
        return None

    async def _deliver(
        self,
        delivery: batches.Delivery,
        right: hold.Hold,
        *,
        maybe_stored: bool,
        in_part: bool = False,
    ) -> deliver.Settled | None:
        """Return None once the batch is given back, because no further request is to be made."""
        load = await self._insist(lambda: self._loading.load(delivery))
        if load.block is None:
            return deliver.Settled(refused=load.refused)
        try:
            settled = await self._courier.deliver(
                load.block,
                right,
                redelivered=delivery.attempt > 1 or maybe_stored,
                in_part=in_part,
            )
        except asyncio.CancelledError:
            # Between two requests the batch can go to others at once. With a request under way it
            # cannot: they wait for `ack_wait`, so that theirs does not meet it at the endpoint.
            if not self._courier.posting and asyncio.get_running_loop().time() < right.deadline:
                await _release(delivery)
            raise
        if settled is None:
            await _release(delivery)
            return None
        return replace(settled, refused=load.refused + settled.refused)

    async def _acknowledge(self, delivery: batches.Delivery, settled: deliver.Settled) -> None:
        if settled.refused:
            await self._insist(
                lambda: rejects.keep(self._bus, self.lane, delivery.headers, settled.refused)
            )
        await self._insist(delivery.ack)

    async def _read(self, delivery: batches.Delivery) -> batch.Batch | None:
        """Return what the headers say; None once a batch that is too new was given back."""
        try:
            return batch.read(delivery.headers)
        except errors.NewerSchema as error:
            await self._leave_to_newer(delivery, error)
            return None

    @contextlib.contextmanager
    def _leaving(self) -> Iterator[None]:
        """Take note of a batch whose hold has ended."""
        try:
            yield
        except hold.Lost:
            self.tally.lost()
            self._warn("batch left to others, it was held for too long without nats", "")

    async def _insist[T](self, step: Callable[[], Awaitable[T]]) -> T:
        """Repeat what needs NATS until it works; the hold's end is the end of it."""
        pauses = backoff.delays(_FIRST_PAUSE, _LONGEST_PAUSE)
        while True:
            try:
                return await step()
            except errors.BusUnavailable as error:
                self._warn("lane waits for nats", str(error))
                await asyncio.sleep(next(pauses))

    async def _leave_to_newer(self, delivery: batches.Delivery, error: errors.NewerSchema) -> None:
        """Give the batch back: during an upgrade another writer may understand it."""
        self.tally.stopped(str(error))
        self._warn("batch is too new for this version", str(error))
        await _release(delivery)
        await self._pause(self._fault_pause())

    def _failed(self, result: outcome.Failure) -> None:
        self.tally.failed(result)
        self._warn("endpoint did not take a batch", result.reason)

    def _warn(self, message: str, reason: str) -> None:
        if self._throttle.allow(message):
            _log.warning(message, extra={**self._fields, "reason": reason})

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._draining.wait()


async def _nothing() -> None:
    """Do nothing at a beat."""


async def _release(delivery: batches.Delivery) -> None:
    """Give the batch back at once; without NATS it goes back by itself after `ack_wait`."""
    with contextlib.suppress(errors.BusUnavailable):
        await delivery.release()
