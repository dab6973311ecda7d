"""Take a whole row of known series in one go, while they look as they did before; pure.

From one window to the next nearly all series keep their labels, their number of samples, and which
of their samples are zero: only values and timestamps differ, always at the same places. A `Row`
remembers those places for some neighbouring series. One call of `struct` then cuts the answer there,
and comparing tuples tells whether everything else is as it was: a tenth of the work of looking at
each series. Where anything differs, the encoder looks at each series as ever.

An answer begins with the samples of the overlap, which are published already. As many of them as
before, ending in the sample that was published last, means that none came late: they are cut away.
"""

import contextlib
import struct
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import accumulate
from operator import itemgetter
from typing import NamedTuple

from collector.labelcache import Entry
from collector.samples import SAMPLE_SIZES, SAMPLE_TAG, STAMP_SIZE, Gate
from tenantry_common import errors, protowire, remote_write

LONGEST = 24
"""Series in a row: one that differs costs its neighbours their short cut."""
_SHORTEST = 4
_MOST_SAMPLES = 16
_MOST_PATIENCE = 16
_UNSEEN = 0x80
_UNTIMED = 0x40
_SIZE = 0x3F


class Row:
    """Neighbouring series of an answer, and what is expected of them."""

    __slots__ = (
        "_befores",
        "_begins",
        "_cut",
        "_cut_stamps",
        "_cut_tags",
        "_ends",
        "_fresh",
        "_heads",
        "_news",
        "_olds",
        "_parts",
        "_sources",
        "_tags",
        "_taken",
        "again",
        "entries",
        "length",
        "patience",
        "samples",
        "size",
    )

    def __init__(
        self, answer: bytes, position: int, entries: Sequence[Entry], start: int = 0
    ) -> None:
        """Learn the row that begins at `position`, for windows like the one that begins at `start`.

        Raises `errors.Undecodable` if it is irregular.
        """
        heads, olds, news, kinds = [], [], [], bytearray()
        old_counts, new_counts = [], []
        begun = position
        for entry in entries:
            size, begin = protowire.read_varint(answer, position + 1, len(answer))
            heads.append(_shared(answer[position:begin]))
            position = begin + size
            begin += entry.size
            own = _kinds(answer, begin, position)
            old = _old(answer, begin, own, start)
            kinds += _looked_at(own, old)
            olds.append(sum(own[:old]))
            news.append(sum(own[old:]))
            old_counts.append(old)
            new_counts.append(len(own) - old)
        if 0 in new_counts or (0 in old_counts and any(old_counts)):
            raise errors.Undecodable("not all series have samples in the window, or in the overlap")
        self.entries = tuple(entries)
        self.length = position - begun
        """Bytes in the answer."""
        self.samples = sum(new_counts)
        """Samples in the window."""
        self.again = 0
        """Number of the window from which on it is worth while to learn the row anew."""
        self.patience = 1
        self._heads = tuple(heads)
        self._sources = tuple(entry.source for entry in entries)
        self._cut = struct.Struct(
            "".join(
                f"{len(head)}s{entry.size}s{old + new}s"
                for head, entry, old, new in zip(heads, entries, olds, news, strict=True)
            )
        )
        self._cut_tags, self._tags = _tags(bytes(kinds))
        self._cut_stamps = _stamps(bytes(kinds))
        self._fresh = _fresh(tuple(olds), tuple(news))
        self._olds = tuple(old_counts) if any(old_counts) else ()
        """Samples of each series in the overlap; empty when none has any."""
        self._news = tuple(new_counts)
        seen = [min(new, 2) for new in new_counts]  # the first and the last one
        ends = list(accumulate(count + any(old_counts) for count in seen))
        begins = [end - count for end, count in zip(ends, seen, strict=True)]
        self._ends = _picker(*(end - 1 for end in ends))
        self._begins = _picker(*begins)
        self._befores = _picker(*(begin - 1 for begin in begins))
        self._taken = -1
        """Number of the last window that it was taken in."""
        self._parts = [
            part
            for entry, new in zip(entries, news, strict=True)
            for part in (
                _shared(remote_write.series_head(b"", len(entry.output) + new)),
                entry.output,
                b"",
            )
        ]
        self.size = sum(map(len, self._parts)) + sum(news)
        """Bytes in the batch."""

    def take(self, answer: bytes, position: int, end: int, gate: Gate, window: int) -> bytes | None:
        """Return what goes into the batch if the row stands at `position` as it is expected.

        It must lie in the gate: as many samples as before in the overlap, which are published
        already, and as many as before in the window. None if anything is otherwise, or was taken in this
        window already.
        """
        if position + self.length > end:
            return None
        cut = self._cut.unpack_from(answer, position)
        if cut[0::3] != self._heads or cut[1::3] != self._sources:
            return None
        samples = b"".join(cut[2::3])
        if self._cut_tags.unpack(samples) != self._tags:
            return None
        if (times := gate.times(self._cut_stamps.unpack(samples))) is None:
            return None
        ends = self._ends(times)
        if not self._continues(times, ends, gate, window):
            return None
        steady = self._taken == window - 1
        for entry, last, new in zip(self.entries, ends, self._news, strict=True):
            entry.window = window
            entry.last = last
            if not steady:
                entry.sent = new
        self._taken = window
        self.patience = 1
        parts = self._parts.copy()
        parts[2::3] = self._fresh.unpack(samples)
        # At once, while they are in the processor's cache, and not with those of the whole batch.
        return b"".join(parts)

    def _continues(self, times: list[int], ends: tuple[int, ...], gate: Gate, window: int) -> bool:
        """Return whether each series goes on behind its last published sample.

        A series that was taken in this window already, or that shares a claim, does not.
        """
        lasts = tuple([entry.last for entry in self.entries])
        if min(self._begins(times)) <= gate.start:
            return False
        if not self._olds:
            return min(lasts) >= 0 and max(lasts) <= gate.start
        if self._befores(times) != lasts:
            return False
        if not gate.counted:
            return True
        if self._taken == window - 1:
            return self._olds == self._news
        return self._olds == tuple([entry.sent for entry in self.entries])


def _kinds(answer: bytes, begin: int, end: int) -> bytes:
    """Return the size of each sample; raises `errors.Undecodable` for anything unusual."""
    kinds = bytearray()
    while begin < end and len(kinds) < _MOST_SAMPLES:
        size = answer[begin + 1] + 2
        if answer[begin] != SAMPLE_TAG or size not in SAMPLE_SIZES:
            break
        kinds.append(size)
        begin += size
    if begin != end or not kinds:
        raise errors.Undecodable(f"position {begin}: not a row of a few plain samples")
    return bytes(kinds)


@lru_cache(maxsize=4096)
def _shared(head: bytes) -> bytes:
    """Return `head` as the one object that stands for all that are equal: it is but a length."""
    return head


@lru_cache(maxsize=4096)
def _fresh(olds: tuple[int, ...], news: tuple[int, ...]) -> struct.Struct:
    """Return what cuts the samples of the window out of all, given the sizes of both."""
    return struct.Struct("".join(f"{o}x{n}s" for o, n in zip(olds, news, strict=True)))


@lru_cache(maxsize=4096)
def _picker(*places: int) -> Callable[[list[int]], tuple[int, ...]]:
    """Return what picks the items at these places, of which there are several."""
    return itemgetter(*places)


def _old(answer: bytes, begin: int, kinds: bytes, start: int) -> int:
    """Return how many of the samples that stand at `begin` are not after `start` (ms)."""
    for old, size in enumerate(kinds):
        begin += size
        stamp, _ = protowire.read_varint(answer, begin - STAMP_SIZE + 1, begin)
        if stamp > start:
            return old
    return len(kinds)


def _looked_at(kinds: bytes, old: int) -> bytes:
    """Return the sizes of a series' samples, marked by what is looked at of each.

    Of the overlap, the `old` samples, only the last one. Of the others all tags, and the timestamps
    of the first and of the last: a source answers them in the order of time.
    """
    marked = bytearray(kinds)
    for place in range(len(kinds)):
        if place < old - 1:
            marked[place] |= _UNSEEN
        elif old < place < len(kinds) - 1:
            marked[place] |= _UNTIMED
    return bytes(marked)


@lru_cache(maxsize=4096)
def _tags(kinds: bytes) -> tuple[struct.Struct, tuple[bytes, ...]]:
    """Return what cuts the tags out of samples of these sizes, and the tags they have."""
    layout = "".join(
        f"{kind & _SIZE}x" if kind & _UNSEEN else f"2s{(kind & _SIZE) - 2}x" for kind in kinds
    )
    tags = (bytes((SAMPLE_TAG, (kind & _SIZE) - 2)) for kind in kinds if not kind & _UNSEEN)
    return struct.Struct(layout), tuple(tags)


@lru_cache(maxsize=4096)
def _stamps(kinds: bytes) -> struct.Struct:
    """Return what cuts the timestamps that are looked at out of samples of these sizes."""
    return struct.Struct(
        "".join(
            f"{kind & _SIZE}x"
            if kind & (_UNSEEN | _UNTIMED)
            else f"{kind - STAMP_SIZE}x{STAMP_SIZE}s"
            for kind in kinds
        )
    )


class Stretch(NamedTuple):
    """Series that were taken one by one, one behind the other in the answer."""

    position: int
    entries: list[Entry]


def learn(answer: bytes, stretch: Stretch, window: int, start: int = 0) -> None:
    """Make rows of a stretch, and hang each to its first series; the window begins at `start`.

    A row that was learnt before begins where it did. One that has to be learnt again and again is
    left alone for longer and longer.
    """
    position, entries = stretch
    first = 0
    while first < len(entries):
        last = first + 1
        while last < len(entries) and last - first < LONGEST and entries[last].row is None:
            last += 1
        position = _learn_one(answer, position, entries[first:last], window, start)
        first = last


def _learn_one(
    answer: bytes, position: int, entries: Sequence[Entry], window: int, start: int
) -> int:
    """Learn one row if it is worth while; return where the next one stands."""
    head = entries[0]
    before = head.row
    if (
        len(entries) >= _SHORTEST
        and (before is None or window >= before.again)
        and all(map(_is_plain, entries))
        and len(set(map(id, entries))) == len(entries)
    ):
        with contextlib.suppress(errors.Undecodable):
            head.row = Row(answer, position, entries, start)
            if before is not None:
                head.row.patience = min(_MOST_PATIENCE, before.patience * 2)
                head.row.again = window + head.row.patience
            return position + head.row.length
    for _ in entries:
        size, start = protowire.read_varint(answer, position + 1, len(answer))
        position = start + size
    return position


def _is_plain(entry: Entry) -> bool:
    """Return whether a series was known before this window and is delivered as it comes."""
    return entry.place >= 0 and entry.drop is None and entry.claim is None
