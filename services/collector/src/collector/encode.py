"""From a source's answer to batches, moving bytes; pure.

Most series look as they did in the window before and are taken by rows (`rows`). The others are
looked at one by one: their labels are compared with those that are expected next, and their
timestamps with those that are known to lie in the window.
"""

from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from collector import rows
from collector.batch import Batch, Batcher, Limits
from collector.labelcache import Entry, LabelCache
from collector.samples import SAMPLE_TAG, STAMP_SIZE, Gate
from collector.schedule import Window
from collector.transform import Drop
from tenantry_common import errors, protowire, remote_read, remote_write

_SERIES_TAG = remote_write.SERIES << 3 | protowire.DELIMITED
_LABEL_TAG = remote_write.LABEL << 3 | protowire.DELIMITED
_PAUSE_BYTES = 200_000
_AHEAD = 16


@dataclass
class Tally:
    """What became of the series of one answer."""

    series: int = 0
    samples: int = 0
    repeated: int = 0
    """Series that came again, because rules overlap; taken once."""
    collisions: int = 0
    """Series that became the same output series as one before them; the first is kept."""
    published_before: int = 0
    """Series that an earlier attempt at this window had published."""
    late: int = 0
    """Samples of the windows before that the source had not stored when those were read."""
    refused: int = 0
    """Samples that came late and are older than what is published of their series."""
    dropped: dict[Drop, int] = field(default_factory=lambda: dict.fromkeys(Drop, 0))


class _Fresh(NamedTuple):
    """Samples of one series that are to be published."""

    samples: int
    late: int
    """How many of them belong to the windows before."""
    last: int
    """Timestamp of the newest one in ms, 0 without any."""
    data: bytes


class TooManySeries(errors.TenantryError):
    """The window holds more series than one job may have."""


class Encoding:
    """The batches of one window. A series is never split over two batches."""

    def __init__(
        self,
        cache: LabelCache,
        window: Window,
        limits: Limits,
        *,
        reach: int | None = None,
        newest: bool = False,
        published: Container[bytes] = frozenset(),
    ) -> None:
        """Begin a window of which `published` output labels are on the stream already.

        Samples after `reach` (ms, `LabelCache.reach`; none: no overlap) that are newer than what is published of their
        series are taken, of each series the `newest` only if that is asked for.
        """
        self.tally = Tally()
        self._cache = cache
        after = cache.reach(window.start_ms, 0) if reach is None else reach
        self._gate = Gate(
            after,
            window.end_ms,
            start=window.start_ms,
            counted=after < window.start_ms and after == cache.counted_since,
        )
        self._batcher = Batcher(limits)
        self._most = limits.window_series
        self._newest = newest
        self._published = published
        self._place = 0
        self._seen = cache.begin()
        self._window = cache.window
        self._stretches: list[rows.Stretch] = []

    @property
    def batches(self) -> list[Batch]:
        """What was filled so far."""
        return self._batcher.batches

    def run(self, answer: bytes) -> Iterator[None]:
        """Take in an answer that is the only one of the window, and finish."""
        yield from self.take(answer)
        self.finish()

    def take(self, answer: bytes) -> Iterator[None]:
        """Take in an answer; yields now and then, so that others get their turn.

        Raises `errors.Undecodable` for a broken answer, `batch.SeriesTooLarge`, `TooManySeries`.
        """
        try:
            for start, end in remote_read.results(answer):
                yield from self._result(answer, start, end)
        except IndexError as error:
            raise errors.Undecodable("answer ends in the middle of a series") from error
        for stretch in self._stretches:
            rows.learn(answer, stretch, self._window, self._gate.start)
            yield
        self._stretches = []

    def finish(self) -> None:
        """Close the last batch; all answers are taken in. Raises `batch.SeriesTooLarge`."""
        self._batcher.close()
        self.tally.series = sum(batch.series for batch in self.batches)
        self.tally.samples = sum(batch.samples for batch in self.batches)
        self._cache.end()

    def _result(self, answer: bytes, position: int, end: int) -> Iterator[None]:
        """Take the series of one `QueryResult` in, rows at once and others one by one."""
        expected, gate, window = self._cache.expected, self._gate, self._window
        alone_only = bool(self._published) or self._newest
        pause = position + _PAUSE_BYTES
        alone_at, alone = position, len(self._seen)
        while position < end:
            row = expected[self._place].row
            if (
                row is None
                or alone_only
                or not self._batcher.fits(row.size, len(row.entries))
                or (taken := row.take(answer, position, end, gate, window)) is None
            ):
                position = self._one(answer, position, end)
            else:
                self._alone(alone_at, alone)
                self._batcher.add([taken], row.size, len(row.entries), row.samples)
                self._seen += row.entries
                self._place = row.entries[-1].place + 1
                position += row.length
                alone_at, alone = position, len(self._seen)
            if position > pause:
                if len(self._seen) > self._most:
                    raise TooManySeries(f"the window holds more than {self._most} series")
                pause = position + _PAUSE_BYTES
                yield
        self._alone(alone_at, alone)

    def _alone(self, position: int, first: int) -> None:
        """Note that the series since the `first` one seen were taken one by one."""
        if len(self._seen) > first and not self._newest:
            self._stretches.append(rows.Stretch(position, self._seen[first:]))

    def _one(self, answer: bytes, position: int, end: int) -> int:
        """Take the series at `position` in; return where the next one stands.

        Everything that happens to every series is written out here: a call costs as much as the
        step itself. IndexError where the answer is cut off.
        """
        low = answer[position + 1]
        if low < 0x80:
            start = position + 2
            stop = start + low
        else:
            length, start = protowire.read_varint(answer, position + 1, end)
            stop = start + length
        if answer[position] != _SERIES_TAG or stop > end:
            raise errors.Undecodable(f"position {position}: not a series of its result")
        entry = self._cache.expected[self._place]
        begin = start + entry.size
        # A label behind those that are expected makes it another series.
        if begin < stop and answer.startswith(entry.source, start) and answer[begin] != _LABEL_TAG:
            self._place += 1
        else:
            entry, begin = self._find(answer, start, stop)
        self._seen.append(entry)
        if entry.window == self._window:
            self.tally.repeated += 1
        elif entry.drop is not None:
            entry.window = self._window
            self.tally.dropped[entry.drop] += 1
        else:
            fresh = self._fresh(entry, answer, begin, stop)
            if fresh.samples and self._is_first(entry):
                entry.window = self._window
                if entry.claim is None:
                    entry.last = fresh.last
                entry.sent = fresh.samples - fresh.late
                self.tally.late += fresh.late
                head = remote_write.series_head(entry.output, len(fresh.data))
                size = len(head) + len(fresh.data)
                self._batcher.add([head, fresh.data], size, 1, fresh.samples)
        return stop

    def _fresh(self, entry: Entry, answer: bytes, begin: int, stop: int) -> _Fresh:
        """Return the samples that are newer than what is published of their series."""
        start = self._gate.start
        # Series that become equal take nothing from the overlap: another one may have filled it.
        floor = entry.last if entry.claim is None else start
        known = self._gate.known
        old = count = late = last = 0
        first = position = stop if self._newest else begin
        while position < stop:
            following = position + 2 + answer[position + 1]
            if answer[position] != SAMPLE_TAG or following > stop:
                break
            time = known.get(answer[following - STAMP_SIZE : following], 0)
            if time > floor:
                if time <= last:
                    break
                last = time
                count += 1
                late += time <= start
            elif time and not count:
                old += 1
                first = following
            else:
                break
            position = following
        if position == stop and not self._newest:
            fresh = _Fresh(count, late, last, answer[first:stop])
        else:
            old, fresh = self._admitted(answer, begin, stop, floor)
        if self._gate.counted and entry.claim is None:
            sent = entry.sent if entry.window == self._window - 1 else 0
            if old > sent:
                self.tally.refused += old - sent
                # Should it come again, it is counted no second time.
                entry.window, entry.sent = self._window - 1, old
        return fresh

    def _admitted(self, answer: bytes, begin: int, stop: int, floor: int) -> tuple[int, _Fresh]:
        """Return how many samples are not after `floor`, and the others; looks at each of them."""
        admitted = self._gate.admit(answer, begin, stop)
        fresh = [one for one in admitted if one.time > floor]
        old = len(admitted) - len(fresh)
        if self._newest:
            fresh = fresh[-1:]
        return old, _Fresh(
            samples=len(fresh),
            late=sum(one.time <= self._gate.start for one in fresh),
            last=max((one.time for one in fresh), default=0),
            data=b"".join([answer[one.begin : one.end] for one in fresh]),
        )

    def _find(self, answer: bytes, start: int, stop: int) -> tuple[Entry, int]:
        """Return a series that is not the expected one, and where its labels end.

        Looks a little ahead first: series come and go where a source scrapes more rarely than
        windows end.
        """
        expected, place = self._cache.expected, self._place
        for ahead in range(place + 1, min(place + _AHEAD, len(expected) - 1)):
            entry = expected[ahead]
            begin = start + entry.size
            if (
                begin < stop
                and answer.startswith(entry.source, start)
                and answer[begin] != _LABEL_TAG
            ):
                self._place = ahead + 1
                return entry, begin
        begin = remote_write.labels_end(answer, start, stop)
        entry = self._cache.find(answer[start:begin])
        if 0 <= entry.place < len(expected) - 1:
            self._place = entry.place + 1
        return entry, begin

    def _is_first(self, entry: Entry) -> bool:
        """Return whether nobody published this output series in this window; tally if so."""
        if entry.output in self._published:
            self.tally.published_before += 1
            return False
        claim = entry.claim
        if claim is not None:
            if claim.window == self._window:
                self.tally.collisions += 1
                return False
            claim.window = self._window
        return True
