"""From a source's answer to batches, moving bytes; pure.

Most series look as they did in the window before and are taken by rows (`rows`). The others are
looked at one by one: their labels are compared with those that are expected next, and their
timestamps with those that are known to lie in the window.
"""

from collections.abc import Container, Iterator
from dataclasses import dataclass, field

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
    dropped: dict[Drop, int] = field(default_factory=lambda: dict.fromkeys(Drop, 0))


class Encoding:
    """The batches of one window. A series is never split over two batches."""

    def __init__(
        self,
        cache: LabelCache,
        window: Window,
        limits: Limits,
        *,
        published: Container[bytes] = frozenset(),
    ) -> None:
        """`published` holds the output labels of series that are on the stream already."""
        self.tally = Tally()
        self._cache = cache
        self._gate = Gate(window)
        self._batcher = Batcher(limits)
        self._published = published
        self._window = 0
        self._place = 0
        self._seen: list[Entry] = []
        self._stretches: list[rows.Stretch] = []

    @property
    def batches(self) -> list[Batch]:
        """What was filled so far."""
        return self._batcher.batches

    def run(self, answer: bytes) -> Iterator[None]:
        """Fill `batches` and `tally`; yields now and then, so that others get their turn.

        Raises `errors.Undecodable` for a broken answer, `batch.SeriesTooLarge`.
        """
        self._seen = self._cache.begin()
        self._window = self._cache.window
        try:
            for start, end in remote_read.results(answer):
                yield from self._result(answer, start, end)
        except IndexError as error:
            raise errors.Undecodable("answer ends in the middle of a series") from error
        self._batcher.close()
        self.tally.series = sum(batch.series for batch in self.batches)
        self.tally.samples = sum(batch.samples for batch in self.batches)
        for stretch in self._stretches:
            rows.learn(answer, stretch, self._window)
            yield
        self._cache.end()

    def _result(self, answer: bytes, position: int, end: int) -> Iterator[None]:
        """Take the series of one `QueryResult` in, rows at once and others one by one."""
        expected, gate, window = self._cache.expected, self._gate, self._window
        pause = position + _PAUSE_BYTES
        alone_at, alone = position, len(self._seen)
        while position < end:
            row = expected[self._place].row
            if (
                row is None
                or self._published
                or not self._batcher.fits(row.size, len(row.entries))
                or (parts := row.take(answer, position, end, gate, window)) is None
            ):
                position = self._one(answer, position, end)
            else:
                self._alone(alone_at, alone)
                self._batcher.add(parts, row.size, len(row.entries), row.samples)
                self._seen += row.entries
                self._place = row.entries[-1].place + 1
                position += row.length
                alone_at, alone = position, len(self._seen)
            if position > pause:
                pause = position + _PAUSE_BYTES
                yield
        self._alone(alone_at, alone)

    def _alone(self, position: int, first: int) -> None:
        """Note that the series since the `first` one seen were taken one by one."""
        if len(self._seen) > first:
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
            count, kept = self._admitted(answer, begin, stop)
            if count and self._is_first(entry):
                entry.window = self._window
                head = remote_write.series_head(entry.output, len(kept))
                self._batcher.add([head, kept], len(head) + len(kept), 1, count)
        return stop

    def _admitted(self, answer: bytes, begin: int, stop: int) -> tuple[int, bytes]:
        """Return the samples of the window: all, if their timestamps are known to lie in it."""
        stamps = self._gate.stamps
        count = 0
        position = begin
        while position < stop:
            following = position + 2 + answer[position + 1]
            if (
                answer[position] != SAMPLE_TAG
                or following > stop
                or answer[following - STAMP_SIZE : following] not in stamps
            ):
                return self._gate.admit(answer, begin, stop)
            count += 1
            position = following
        return count, answer[begin:stop]

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
