"""Share one telemeter server among the lanes of a job: one upload at a time, and not too often.

A server takes one upload every few minutes (4m30s), up to a size (512,000 bytes), and refuses it as
a whole. So an upload holds whatever waits: what each lane has in hand, and what stands behind that
on the stream, up to the size; what does not fit goes with the next one. A batch is settled once all
of its samples are taken. Between uploads the lanes hold their batches (`outcome.NotYet`), and
everything newer waits on the stream.

A backlog drains as far as the size lets it: the oldest batches of each shard first, each series in
order of time. Samples that are too old for the server by then are left out, counted and kept among
the rejects. Should a server refuse an upload that holds several samples of one series, batches go one
by one for an hour, with one sample of each series at a time: servers that set the time of all samples
to that of the upload cannot take two.

What is known of partly taken batches is lost with the process: then they are uploaded again.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from tenantry_common import batches, bus, errors, snappy_block, subjects
from writer import access, batch, deliver, families, outcome
from writer.telemeter_endpoint import TelemeterEndpoint

OLDEST_SECONDS = 24 * 3600 - 60
"""Age at which a sample is left out; servers refuse those of 24 hours, by their own clock."""
_MAX_DECODED_BYTES = 64 << 20
_SMALLEST_BYTES = 16_384
_ALONE_SECONDS = 3600.0
_LOOK_SECONDS = 5.0
_TOO_OLD = "older than 24 hours when its turn came"

type Following = Callable[[str, int], Awaitable[batches.Stored | None]]
"""Returns the batch of a subject behind a sequence."""


class Part:
    """One batch, or a piece of one, and how much of it the server has taken."""

    def __init__(self, request: bytes, sequence: int = 0) -> None:
        self.sequence = sequence
        """0: a piece, which is uploaded alone."""
        self.left_out: list[outcome.LeftOut] = []
        self._request = request
        self._stamped: Mapping[str, str] | None = None
        self._samples: Sequence[families.Sample] = ()
        self._position = 0

    @property
    def done(self) -> bool:
        """Whether nothing of it is left to upload."""
        return self._stamped is not None and self._position == len(self._samples)

    def stamp(self, labels: Mapping[str, str]) -> None:
        """Put the labels on every series. Raises `errors.Undecodable`."""
        if labels != self._stamped:
            reading = families.read(self._request, labels)
            if self._stamped is None:
                self.left_out = list(reading.unfit)
            if len(reading.samples) != len(self._samples):  # which ones were taken is not known
                self._position = 0
            self._stamped, self._samples = labels, reading.samples

    def waiting(self, oldest_ms: int) -> list[families.Sample]:
        """Return what is left and not too old."""
        rest = self._samples[self._position :]
        return [sample for sample in rest if sample.stamp >= oldest_ms]

    def took(self, count: int, oldest_ms: int) -> None:
        """Note that the first `count` of what waits is taken; drop what is too old before them."""
        old: list[families.Sample] = []
        while self._position < len(self._samples):
            sample = self._samples[self._position]
            if sample.stamp < oldest_ms:
                old.append(sample)
            elif count:
                count -= 1
            else:
                break
            self._position += 1
        self.left_out += families.left_out(old, _TOO_OLD)


@dataclass(frozen=True, kw_only=True)
class _Upload:
    """Some bytes, and which samples of which parts they hold."""

    labels: Mapping[str, str]
    oldest_ms: int
    body: bytes
    """Empty: there is nothing to upload."""
    parts: Sequence[Part]
    counts: Sequence[int]
    repeats: bool
    """Whether it holds several samples of one series."""

    def taken(self) -> None:
        """Note that the server has it."""
        for part, count in zip(self.parts, self.counts, strict=True):
            part.took(count, self.oldest_ms)


class Uploader:
    """The uploads of one job to one server."""

    def __init__(
        self,
        endpoint: TelemeterEndpoint,
        following: Following,
        *,
        interval: float,
        limit: int,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`interval` is in seconds, `limit` in bytes before compression."""
        self._endpoint = endpoint
        self._following = following
        self._interval = interval
        self._limit = limit
        self._now = now
        self._turn = asyncio.Lock()
        self._next = float("-inf")
        self._alone_until = float("-inf")
        self._doubtful: _Upload | None = None
        """What the server may have taken without our knowing. It is sent again as it was, so that a
        server which knows what it has, as our receivers do, does not take it twice."""
        self._parts: dict[str, dict[int, Part]] = {}

    def part(self, delivery: batches.Delivery) -> Part:
        """Return what is known of a batch that a lane has in hand. Raises `errors.Undecodable`."""
        known = self._parts.setdefault(delivery.subject, {})
        for settled in [sequence for sequence in known if sequence < delivery.sequence]:
            del known[settled]
        if delivery.sequence not in known:
            known[delivery.sequence] = _part(delivery.data, delivery.sequence)
        return known[delivery.sequence]

    def set_aside(self, subject: str) -> None:
        """Let nothing of a subject go with others: a batch of it is taken apart."""
        self._parts.pop(subject, None)
        self._doubtful = None

    async def post(self, part: Part) -> outcome.Posted:
        """Upload `part`, with whatever else waits if it is a whole batch, when it is our turn."""
        async with self._turn:
            if part.done:
                return outcome.Delivered(tuple(part.left_out))
            if time.monotonic() < self._next:
                return self._not_yet()
            result = await self._upload(part)
            if isinstance(result, outcome.CredentialsFault) and await self._endpoint.renew():
                result = await self._upload(part)
            return result

    async def _upload(self, first: Part) -> outcome.Posted:
        granted = await self._endpoint.grant()
        if not isinstance(granted, access.Granted):
            return granted
        upload = self._doubtful
        if upload is None or upload.labels != granted.labels:
            try:
                upload = await self._make(first, granted.labels)
            except errors.Undecodable as error:
                return outcome.Split(f"unreadable batch: {error}", "invalid")
        self._doubtful = None
        if upload.body:
            self._doubtful = upload  # also if we are cancelled before there is an answer
            result = await self._endpoint.upload(upload.body, granted)
            if not (isinstance(result, outcome.Retry) and result.maybe_stored):
                self._doubtful = None
            if not isinstance(result, outcome.Delivered):
                return self._refused(result, upload, first)
            self._next = time.monotonic() + self._interval
        upload.taken()
        return outcome.Delivered(tuple(first.left_out)) if first.done else self._not_yet()

    async def _make(self, first: Part, labels: Mapping[str, str]) -> "_Upload":
        """Return the next upload, `first` in front. Raises `errors.Undecodable`."""
        oldest_ms = round((self._now() - OLDEST_SECONDS) * 1000)
        parts = await self._gather(first, labels, oldest_ms)
        waiting = [part.waiting(oldest_ms) for part in parts]
        body, held = families.pack(
            [one for rest in waiting for one in rest], self._limit, one_each=self._alone
        )
        taken, counts = len(held), []
        for rest in waiting:
            counts.append(min(taken, len(rest)))
            taken -= counts[-1]
        return _Upload(
            labels=labels,
            oldest_ms=oldest_ms,
            body=body,
            parts=parts,
            counts=counts,
            repeats=len({sample.series for sample in held}) < len(held),
        )

    @property
    def _alone(self) -> bool:
        return time.monotonic() < self._alone_until

    def _not_yet(self) -> outcome.NotYet:
        """Return when to ask again: when it is our turn, or sooner, for another lane's upload may
        have taken the batch meanwhile."""
        return outcome.NotYet(min(_LOOK_SECONDS, max(0.0, self._next - time.monotonic())))

    def _refused(self, result: outcome.Failure, upload: "_Upload", first: Part) -> outcome.Failure:
        """Return what to do about a refused upload: smaller ones, fewer batches, or a verdict."""
        if not isinstance(result, outcome.Split):
            return result
        size = len(upload.body)
        if result.cause == "size" and size > _SMALLEST_BYTES:
            self._limit = max(_SMALLEST_BYTES, min(self._limit, size) // 2)
            return outcome.Retry(f"{result.reason}: at most {self._limit} bytes from now on")
        if upload.parts == [first] and not upload.repeats:
            return result
        self._alone_until = time.monotonic() + _ALONE_SECONDS
        return outcome.Retry(f"{result.reason}: one sample of each series at a time from now on")

    async def _gather(
        self, first: Part, labels: Mapping[str, str], oldest_ms: int
    ) -> Sequence[Part]:
        """Return what goes into the next upload, `first` in front, all of it stamped."""
        first.stamp(labels)
        if not first.sequence or self._alone:
            return [first]
        found = [first]
        room = self._limit - _size(first, oldest_ms)
        for subject, known in tuple(self._parts.items()):  # lanes add to it while we read
            async for part in self._behind(subject, known, labels):
                if part is not first:
                    found.append(part)
                    room -= _size(part, oldest_ms)
                if room <= 0:
                    return found
        return found

    async def _behind(
        self, subject: str, known: dict[int, Part], labels: Mapping[str, str]
    ) -> AsyncIterator[Part]:
        """Yield what waits of one subject in order: what lanes have in hand, then from the stream."""
        sequence = min(known, default=0)
        part = known.get(sequence)
        while part is not None:
            try:
                part.stamp(labels)
            except errors.Undecodable:
                return  # its lane says so when it comes to it
            yield part
            part = known.get(min((one for one in known if one > sequence), default=0))
            if part is None:
                part = await self._read(subject, sequence)
                if part is None:
                    return
                known[part.sequence] = part
            sequence = part.sequence

    async def _read(self, subject: str, after: int) -> Part | None:
        """Return the batch behind another one; None if there is none that can be read ahead."""
        try:
            stored = await self._following(subject, after)
            if stored is None:
                return None
            batch.read(stored.headers)
            return _part(stored.data, stored.sequence)
        except (errors.BusUnavailable, errors.NewerSchema, errors.Undecodable):
            return None


class LaneUpload:
    """What a lane of one shard does: its batches go with the uploads of the job."""

    def __init__(self, uploader: Uploader, subject: str) -> None:
        self.uploader = uploader
        self._subject = subject
        self._whole = self._block = b""
        self._part: Part | None = None

    async def load(self, delivery: batches.Delivery) -> deliver.Load:
        """Return the batch as it is; uploads are made of it when its turn comes."""
        self._whole = self._block = delivery.data
        self._part = None
        if delivery.subject == self._subject:  # and not one that makes up a gap
            with contextlib.suppress(errors.Undecodable):  # `post` says so
                self._part = self.uploader.part(delivery)
        return deliver.Load(block=delivery.data)

    def settled(self) -> None:
        """Note nothing: what is behind is forgotten with the next batch."""

    async def post(self, block: bytes) -> outcome.Posted:
        """Upload a batch, or a piece of it."""
        if block is not self._whole:
            self.uploader.set_aside(self._subject)
        if block is not self._block or self._part is None:
            try:
                self._block, self._part = block, _part(block)
            except errors.Undecodable as error:
                return outcome.Split(f"unreadable batch: {error}", "invalid")
        return await self.uploader.post(self._part)


def following(connection: bus.Bus) -> Following:
    """Return what reads ahead on the stream of batches."""
    return lambda subject, after: batches.following(connection, subjects.SAMPLES, subject, after)


def _part(block: bytes, sequence: int = 0) -> Part:
    return Part(snappy_block.decompress(block, limit=_MAX_DECODED_BYTES), sequence)


def _size(part: Part, oldest_ms: int) -> int:
    return sum(len(sample.metric) for sample in part.waiting(oldest_ms))
