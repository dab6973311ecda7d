"""The subject on which one endpoint gets what is made up for it: how far it is, and more for it.

Messages are those of a shard's own subject (see `publish`, `resume`), each with the id of the request
that it answers. What the endpoint has not got is never pushed out: a window is only begun when there
is room, see `streams`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

from collector import resume
from collector.batch import Batch
from collector.resume import Unfinished
from collector.schedule import Window
from tenantry_common import batches, bus, contracts, errors, remote_write, snappy_block, subjects
from tenantry_common.contracts import Backfill
from tenantry_common.subjects import JobRef, ShardRef

_MOST_WAITING = 64
_LOOK_SECONDS = 0.2
_LARGEST_BATCH = 32 << 20


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
        unfinished = resume.parse(last.headers, last.sequence).unfinished
        start, end = map(int, last.headers[subjects.HEADER_WINDOW].split("-"))
        samples = 0
        series: set[bytes] = set()
        async for message in self._messages_of(last):
            samples += int(message.headers[subjects.HEADER_SAMPLES])
            if unfinished is not None:
                series |= _series(message.data)
        return Progress(
            sequence=last.sequence,
            finished=None if unfinished else Window(start, end),
            unfinished=unfinished,
            samples=samples,
            series=frozenset(series),
        )

    async def publish(self, window: Window, encoded: Sequence[Batch], progress: Progress) -> int:
        """Publish the parts of `window` behind what is there; return the last sequence.

        Raises `errors.Fenced` when somebody else published or `allowed` says no, and
        `errors.BusUnavailable` when it is not known what is stored.
        """
        begun, sequence = progress.unfinished, progress.sequence
        after, done = (begun.after, begun.parts) if begun else (sequence, 0)
        for part, batch in enumerate(encoded, start=done + 1):
            self._check()
            message_id = subjects.backfill_batch_id(self._subject, self._id, window.end_ms, part)
            headers = {
                subjects.HEADER_MSG_ID: message_id,
                subjects.HEADER_BACKFILL: self._id,
                subjects.HEADER_WINDOW: str(window),
                subjects.HEADER_PART: f"{part}/{done + len(encoded)}",
                subjects.HEADER_AFTER: str(after),
                subjects.HEADER_SERIES: str(batch.series),
                subjects.HEADER_SAMPLES: str(batch.samples),
                subjects.HEADER_SCHEMA: str(contracts.SCHEMA),
            }
            sequence = await batches.publish(
                self._bus, self._subject, batch.block, headers, after=sequence
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

    async def _messages_of(self, last: batches.Stored) -> AsyncIterator[batches.Stored]:
        """Yield the messages of the window of `last` that are still there."""
        sequence = int(last.headers[subjects.HEADER_AFTER])
        while sequence < last.sequence:
            message = await batches.following(self._bus, subjects.BACKFILL, self._subject, sequence)
            if message is None:
                return
            if message.headers.get(subjects.HEADER_WINDOW) == last.headers[subjects.HEADER_WINDOW]:
                yield message
            sequence = message.sequence


def _series(block: bytes) -> set[bytes]:
    """Return the encoded labels of the series of a batch."""
    request = snappy_block.decompress(block, limit=_LARGEST_BATCH)
    return {
        request[span.start : remote_write.labels_end(request, span.start, span.end)]
        for span in remote_write.series(request)
    }
