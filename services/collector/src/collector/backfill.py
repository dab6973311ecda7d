"""Answer one request for backfill: read its span once more, publish it for its one endpoint.

As with windows of the shard itself the stream is the checkpoint: the last message of the endpoint's
subject says which request it answers and up to where, and each message is published under the fence
of the one before it. What the stream cannot tell, windows that held nothing, stands in the request.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from msgspec.structs import replace

from collector import span
from collector.backfill_lane import BackfillLane, Progress
from collector.pull import TooLarge
from collector.replicas import Encoded, Replicas, Work
from collector.schedule import Window
from tenantry_common import backoff, bus, contracts, errors, kv, subjects
from tenantry_common.contracts import Backfill

_log = logging.getLogger(__name__)

_FIRST_RETRY_SECONDS = 0.5


class Over(Exception):
    """The request is answered, or gone."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where the samples come from, and what bounds the reading of them."""

    replicas: Replicas
    work: Callable[[], Work | None]
    slots: asyncio.Semaphore
    """Taken for as long as a window of any kind is in memory."""
    turns: asyncio.Semaphore
    """Taken before that, so that backfills leave slots to what is due now."""
    slice_ms: int
    retry_max_seconds: float
    allowed: Callable[[], bool]
    """Whether the shard is still ours."""


class Answer:
    """The answer to the request that stands under `key` of KV `backfills`."""

    def __init__(
        self,
        connection: bus.Bus,
        key: str,
        request: Backfill,
        source: Source,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._bus = connection
        self._key = key
        self._request = request
        self._revision = 0
        self._sequence = 0
        self._source = source
        self._now = now
        self._lane = BackfillLane(connection, request, source.allowed)
        self._slice = source.slice_ms
        self._delays = backoff.delays(_FIRST_RETRY_SECONDS, source.retry_max_seconds)

    async def run(self) -> Backfill:
        """Publish all of it; return the request as it then stands.

        Raises `Over`; `errors.Fenced` and `errors.BusUnavailable` when it is not known how far it
        is: run again.
        """
        await self._read()
        progress = await self._lane.progress()
        self._sequence = progress.sequence
        await self._begin(progress)
        if progress.unfinished is not None:
            while not await self._window(progress.unfinished.window, progress):
                pass
        while (window := await self._next()) is not None:
            await self._window(window, Progress(sequence=self._sequence))
        now_ms = int(self._now() * 1000)
        return await self._say(span.answered(self._request, self._sequence, now_ms))

    async def _begin(self, progress: Progress) -> None:
        """Bring the request in step with the stream."""
        work = await self._work()
        reach = max(work.job.lookback_ms, 2 * work.job.interval_ms)
        current = span.begun(self._request, reach)
        if progress.finished is not None:
            current = span.advanced(current, progress.finished, progress.samples)
        if current != self._request:
            await self._say(current)

    async def _next(self) -> Window | None:
        """Return the window that is due.

        One interval long where the endpoint may have the beginning of the span: so it has either
        all of a series in a window or nothing, as far as windows were intervals before.
        """
        job = (await self._work()).job
        exact = self._request.exact or self._request.by_hand
        if exact and job.collection == "raw":
            return span.following(self._request, self._slice)
        return span.interval(self._request, min(job.interval_ms, self._slice))

    async def _window(self, window: Window, progress: Progress) -> bool:
        """Publish what is missing of `window`; False after a failure that was waited for."""
        work = await self._work()
        await self._lane.room()
        async with self._source.turns, self._source.slots:
            outcome = await self._source.replicas.collect(work, window, progress.series)
            if isinstance(outcome, Encoded):
                self._sequence = await self._lane.publish(
                    window, outcome.encoding.batches, outcome.origin, progress
                )
        if not isinstance(outcome, Encoded):
            cut = span.shorter(window)
            if isinstance(outcome, TooLarge) and progress.unfinished is None and cut:
                self._slice = cut
            else:
                await self._wait(outcome.reason)
            return False
        self._delays = backoff.delays(_FIRST_RETRY_SECONDS, self._source.retry_max_seconds)
        samples = outcome.encoding.tally.samples + progress.samples
        await self._say(span.advanced(self._request, window, samples))
        await self._lane.discard_delivered(self._sequence)
        return True

    async def _work(self) -> Work:
        """Return the job and its sources as they are now; wait while there are none."""
        while (work := self._source.work()) is None:
            await self._wait("no source is known for this shard")
        return work

    async def _wait(self, reason: str) -> None:
        """Say why it does not go on, and pause."""
        if not self._source.allowed():
            raise errors.Fenced("the shard is not ours any more")
        if self._request.error != reason:
            await self._say(replace(self._request, error=reason))
            _log.warning("gap is not made up, trying again", extra=said(self._request))
        await asyncio.sleep(next(self._delays))

    async def _read(self) -> None:
        """Read the request from the bucket's leader: what the view shows may be old."""
        entry = await kv.entry(self._bus, subjects.BACKFILLS, self._key)
        if entry.value is None:
            raise Over("the request is gone")
        self._request = contracts.decode_backfill(entry.value)
        self._revision = entry.revision
        if self._request.answered_ms:
            raise Over("the request is answered")

    async def _say(self, request: Backfill) -> Backfill:
        """Write how far the request is. A writer may have counted refusals meanwhile: keep them."""
        while True:
            try:
                self._revision = await kv.compare_and_set(
                    self._bus,
                    subjects.BACKFILLS,
                    self._key,
                    contracts.encode(request),
                    revision=self._revision,
                )
            except errors.Fenced:
                before = self._request
                await self._read()
                if replace(self._request, refused=0) != replace(before, refused=0):
                    raise  # another collector goes on with it
                request = replace(request, refused=self._request.refused)
            else:
                self._request = request
                return request


def said(request: Backfill) -> dict[str, int | str]:
    """Return the fields of a log line about `request`."""
    return {
        "tenant": request.tenant,
        "job": request.job,
        "shard": request.shard,
        "endpoint": request.endpoint,
        "start": request.start_ms,
        "end": request.end_ms,
        "samples": request.samples,
        "older_than_lookback_ms": request.lost_ms,
        "empty_ms": request.empty_ms,
        "error": request.error,
    }
