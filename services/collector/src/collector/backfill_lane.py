"""The subject on which one endpoint gets what is made up for it: how far it is, and more for it.

Messages are those of a shard's own subject (see `publish`, `resume`), each with the id of the request
that it answers. What the endpoint has not got is never pushed out: a window is only begun when there
is room, see `streams`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

from collector import publish, resume
from collector.batch import Batch
from collector.publish import Origin
from collector.resume import Published, Unfinished
from collector.schedule import Window
from tenantry_common import batches, bus, errors, subjects
from tenantry_common.contracts import Backfill
from tenantry_common.subjects import JobRef, ShardRef

_MOST_WAITING = 64
_LOOK_SECONDS = 0.2


@dataclass(frozen=True, kw_only=True)
class Progress:
    """What is on the subject of one request."""

    sequence: int = 0
    """Of the subject's last message, whatever request it answers; 0: none."""
    finished: Window | None = None
    """The last window of this request, if all of it is published."""
    unfinished: Unfinished | None = None
    """The last window, if only a part of it is."""
    samples: int = 0
    """Samples of the last window that are published."""
    series: frozenset[bytes] = field(default=frozenset(), repr=False)
    """Encoded labels of the series of the unfinished window that are published."""


class BackfillLane:
    """Publishes for `request`; `allowed` is asked before each message."""

    def __init__(self, connection: bus.Bus, request: Backfill, allowed: Callable[[], bool]) -> None:
        shard = ShardRef(JobRef(request.tenant, request.job), request.shard)
        self._bus = connection
        self._shard = shard
        self._id = request.id
        self._allowed = allowed
        self._subject = subjects.backfill(shard, request.endpoint)
        self._consumer = subjects.writer_consumer(shard, request.endpoint)

    async def progress(self) -> Progress:
        """Return what the stream says. Raises `errors.BusUnavailable`, `errors.Undecodable`."""
        last = await batches.last(self._bus, subjects.BACKFILL, self._subject)
        if last is None:
            return Progress()
        if last.headers.get(subjects.HEADER_BACKFILL) != self._id:
            return Progress(sequence=last.sequence)
        position = resume.parse(last.headers, last.sequence)
        begun = position.unfinished or position.published
        samples = 0
        series: set[bytes] = set()
        async for message in self._messages(begun, until=last.sequence):
            samples += int(message.headers[subjects.HEADER_SAMPLES])
            if position.unfinished is not None:
                series.update(labels for labels, _ in resume.series_of(message.data))
        return Progress(
            sequence=last.sequence,
            finished=position.published.window if position.published else None,
            unfinished=position.unfinished,
            samples=samples,
            series=frozenset(series),
        )

    async def publish(
        self, window: Window, encoded: Sequence[Batch], origin: Origin, progress: Progress
    ) -> int:
        """Publish the parts of `window` behind what is there; return the last sequence.

        Raises `errors.Fenced` when somebody else published or `allowed` says no, and
        `errors.BusUnavailable` when it is not known what is stored.
        """
        begun, sequence = progress.unfinished, progress.sequence
        after, done = (begun.after, begun.parts) if begun else (sequence, 0)
        for part, batch in enumerate(encoded, start=done + 1):
            self._check()
            common = publish.headers(
                self._shard,
                window,
                batch,
                part=part,
                parts=done + len(encoded),
                after=after,
                origin=origin,
            )
            own = {
                subjects.HEADER_MSG_ID: subjects.backfill_batch_id(
                    self._subject, self._id, window.end_ms, part
                ),
                subjects.HEADER_BACKFILL: self._id,
            }
            sequence = await batches.publish(
                self._bus, self._subject, batch.block, common | own, after=sequence
            )
        return sequence

    async def room(self) -> None:
        """Wait until few messages wait for the endpoint. Raises `errors.Fenced`."""
        while (await self._settled()).waiting > _MOST_WAITING:
            self._check()
            await asyncio.sleep(_LOOK_SECONDS)

    async def discard_delivered(self, sequence: int) -> None:
        """Discard what the endpoint has got before the last message, `sequence`."""
        until = min((await self._settled()).floor, sequence - 1)
        if until > 0:
            await batches.discard(self._bus, subjects.BACKFILL, self._subject, until=until)

    async def _settled(self) -> batches.Settled:
        return await batches.settled(self._bus, subjects.BACKFILL, self._consumer, self._subject)

    def _check(self) -> None:
        if not self._allowed():
            raise errors.Fenced("the shard is not ours any more")

    async def _messages(
        self, begun: Unfinished | Published | None, *, until: int
    ) -> AsyncIterator[batches.Stored]:
        """Yield the messages of a window that are still there."""
        sequence = begun.after if begun else until
        while begun and sequence < until:
            message = await batches.following(self._bus, subjects.BACKFILL, self._subject, sequence)
            if message is None:
                return
            if message.headers.get(subjects.HEADER_WINDOW) == str(begun.window):
                yield message
            sequence = message.sequence
