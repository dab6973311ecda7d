"""Take a whole row of known series in one go, while they look as they did before; pure.

From one window to the next nearly all series keep their labels, their number of samples, and which
of their samples are zero: only values and timestamps differ, always at the same places. A `Row`
remembers those places for some neighbouring series. One call of `struct` then cuts the answer there,
and comparing tuples tells whether everything else is as it was: a tenth of the work of looking at
each series. Where anything differs, the encoder looks at each series as ever.
"""

import contextlib
import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from collector.labelcache import Entry
from collector.samples import SAMPLE_SIZES, SAMPLE_TAG, Gate
from tenantry_common import errors, protowire, remote_write

LONGEST = 24
"""Series in a row: one that differs costs its neighbours their short cut."""
_SHORTEST = 4
_MOST_SAMPLES = 8
_MOST_PATIENCE = 16


class Row:
    """Neighbouring series of an answer, and what is expected of them."""

    __slots__ = (
        "_cut",
        "_heads",
        "_marks",
        "_parts",
        "_sources",
        "_tags",
        "again",
        "entries",
        "length",
        "patience",
        "samples",
        "size",
    )

    def __init__(self, answer: bytes, position: int, entries: Sequence[Entry]) -> None:
        """Learn the row that begins at `position`; raises `errors.Undecodable` if it is irregular."""
        heads, regions, kinds = [], [], bytearray()
        begun = position
        for entry in entries:
            size, start = protowire.read_varint(answer, position + 1, len(answer))
            heads.append(answer[position:start])
            begin = start + entry.size
            position = start + size
            kinds += _kinds(answer, begin, position)
            regions.append(position - begin)
        self.entries = tuple(entries)
        self.length = position - begun
        """Bytes in the answer."""
        self.samples = len(kinds)
        self.again = 0
        """Number of the window from which on it is worth while to learn the row anew."""
        self.patience = 1
        self._heads = tuple(heads)
        self._sources = tuple(entry.source for entry in entries)
        self._cut = struct.Struct(
            "".join(
                f"{len(head)}s{entry.size}s{region}s"
                for head, entry, region in zip(heads, entries, regions, strict=True)
            )
        )
        self._marks, self._tags = _marks(bytes(kinds))
        self._parts = [
            part
            for entry, region in zip(entries, regions, strict=True)
            for part in (
                remote_write.series_head(b"", len(entry.output) + region),
                entry.output,
                b"",
            )
        ]
        self.size = sum(map(len, self._parts)) + sum(regions)
        """Bytes in the batch."""

    def take(
        self, answer: bytes, position: int, end: int, gate: Gate, window: int
    ) -> list[bytes] | None:
        """Return what goes into the batch if the row stands at `position`, all in the window.

        None if anything is not as expected, or was taken in this window already.
        """
        if position + self.length > end:
            return None
        cut = self._cut.unpack_from(answer, position)
        if cut[0::3] != self._heads or cut[1::3] != self._sources:
            return None
        regions = cut[2::3]
        marks = self._marks.unpack(b"".join(regions))
        if marks[0::2] != self._tags or not gate.inside(marks[1::2]):
            return None
        for entry in self.entries:
            if entry.window == window or entry.claim is not None:
                return None
        for entry in self.entries:
            entry.window = window
        self.patience = 1
        parts = self._parts.copy()
        parts[2::3] = regions
        return parts


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
def _marks(kinds: bytes) -> tuple[struct.Struct, tuple[bytes, ...]]:
    """Return what cuts tag and timestamp out of samples of these sizes, and the tags they have."""
    layout = "".join("2s9x7s" if kind == SAMPLE_SIZES[1] else "2s7s" for kind in kinds)
    return struct.Struct(layout), tuple(bytes((SAMPLE_TAG, kind - 2)) for kind in kinds)


class Stretch(NamedTuple):
    """Series that were taken one by one, one behind the other in the answer."""

    position: int
    entries: list[Entry]


def learn(answer: bytes, stretch: Stretch, window: int) -> None:
    """Make rows of a stretch, and hang each to its first series.

    A row that was learnt before begins where it did. One that has to be learnt again and again is
    left alone for longer and longer.
    """
    position, entries = stretch
    first = 0
    while first < len(entries):
        last = first + 1
        while last < len(entries) and last - first < LONGEST and entries[last].row is None:
            last += 1
        position = _learn_one(answer, position, entries[first:last], window)
        first = last


def _learn_one(answer: bytes, position: int, entries: Sequence[Entry], window: int) -> int:
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
            head.row = Row(answer, position, entries)
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
