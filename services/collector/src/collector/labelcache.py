"""Remember, for each series of a shard, what its labels become, and up to when it is published.

No input or output.

A source answers its series in the same order from window to window. So the cache keeps that order,
and the encoder first compares with the series that is expected next; only a series that came or
went costs a lookup, and only a new one is transformed.

One window at a time: `reach`, `begin`, then `find`, then `end`, and `published` once it is on the
stream. A window that was given up half way needs no `end`; without `published` the next `reach`
forgets what was published of every series, because nobody knows.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from collector.schedule import Window
from collector.transform import Drop, Outcome

if TYPE_CHECKING:
    from collector.rows import Row


SHARED = -1
"""`Entry.last` of a series that shares a claim: what is published may be another one's."""


class Claim:
    """Shared by all series that become the same output series: who came first in this window."""

    __slots__ = ("window",)

    def __init__(self, window: int) -> None:
        self.window = window


class Entry:
    """One series of the source."""

    __slots__ = (
        "claim",
        "drop",
        "last",
        "output",
        "place",
        "row",
        "sent",
        "size",
        "source",
        "window",
    )

    def __init__(self, source: bytes, outcome: Outcome) -> None:
        self.source = source
        """Its encoded labels as the source answers them."""
        self.size = len(source)
        self.drop: Drop | None = outcome if isinstance(outcome, Drop) else None
        output = b"" if isinstance(outcome, Drop) else outcome
        self.output = source if output == source else output
        """Its encoded labels as they are delivered; empty for a series that is dropped."""
        self.claim: Claim | None = None
        """Set when another series has the same output."""
        self.window = 0
        """Number of the last window in which it was taken or dropped."""
        self.last = 0
        """Timestamp (ms) of its last sample that is taken; 0: none is known, or `SHARED`."""
        self.sent = 0
        """Samples that were taken in that window, without those that came late."""
        self.place = -1
        """Where it stands in the expected order; -1 for a series that is new."""
        self.row: Row | None = None
        """What is known of it and its followers together, if a row begins with it."""


class LabelCache:
    """The remembered series of one shard, for one version of what happens to labels."""

    def __init__(
        self,
        transform: Callable[[bytes], Outcome],
        *,
        limit: int,
        idle_windows: int = 20,
    ) -> None:
        """Remember at most `limit` series; forget those unseen for `idle_windows` windows."""
        self._transform = transform
        self._limit = limit
        self._idle_windows = idle_windows
        self._entries: dict[bytes, Entry] = {}
        self._owners: dict[bytes, Entry] = {}
        self._seen: list[Entry] = []
        self.window = 0
        """Number of the current window; grows by one with each."""
        self.expected: list[Entry] = [_END]
        """The remembered series in the order in which the source answers them, and an end mark."""
        self.counted_since = -1
        """Start of the last published window, if `Entry.sent` holds for it."""
        self._since = 0
        self._until = 0
        self._open = True
        self._overflown = False
        self._grown = False
        self._recalled: Mapping[bytes, int] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def reach(self, start: int, overlap: int) -> int:
        """Return from when on (ms) samples may be read for a window that begins at `start`.

        At most `overlap` before it, and not before it is known what is published of each series.
        """
        if self._open or self._until != start:
            for entry in self._entries.values():
                entry.last = 0 if entry.claim is None else SHARED
                entry.sent = 0
            self._since = self._until = start
            self.counted_since = -1
            self._recalled = {}
            self._open = False
        return max(start - overlap, self._since)

    def recall(self, since: int, published: Mapping[bytes, int]) -> None:
        """Take over what was published after `since` (ms): the last timestamp by output labels.

        Between `reach` and `begin`; `reach` goes further back then.
        """
        self._since = since
        self._recalled = published
        for entry in self._entries.values():
            if entry.claim is None:
                entry.last = published.get(entry.output, 0)

    def published(self, window: Window) -> None:
        """Note that everything that was taken is on the stream."""
        self._open = False
        self._until = window.end_ms
        self.counted_since = window.start_ms
        self._recalled = {}
        if self._overflown:
            # Of what was forgotten nobody knows how far it is published.
            self._since = window.end_ms
            self.counted_since = -1

    def begin(self) -> list[Entry]:
        """Begin a window; return the list to which the encoder appends each series it meets."""
        self.window += 1
        self._open = True
        self._overflown = False
        self._seen = []
        return self._seen

    def find(self, label_bytes: bytes) -> Entry:
        """Return the entry of a series, made now if it is new."""
        entry = self._entries.get(label_bytes)
        if entry is None:
            entry = Entry(label_bytes, self._transform(label_bytes))
            self._entries[label_bytes] = entry
            if entry.drop is None:
                entry.last = self._recalled.get(entry.output, 0)
                self._claim(entry)
        if entry.place < 0:
            self._grown = True
        return entry

    def _claim(self, entry: Entry) -> None:
        owner = self._owners.setdefault(entry.output, entry)
        if owner is not entry:
            owner.claim = owner.claim or Claim(owner.window if owner.sent else 0)
            entry.claim = owner.claim
            owner.last = entry.last = SHARED

    def end(self) -> None:
        """End a window: put new series into the expected order, forget what is over the limits."""
        if self._grown:
            self._grown = False
            self._expect(merged(self.expected, self._seen))
        self._seen = []
        if len(self._entries) > self._limit or self.window % self._idle_windows == 0:
            self._forget()

    def _expect(self, order: list[Entry]) -> None:
        for place, entry in enumerate(order):
            entry.place = place
        self.expected = [*order, _END]

    def _forget(self) -> None:
        oldest = self.window - self._idle_windows
        kept = [entry for entry in self.expected[:-1] if entry.window > oldest][: self._limit]
        if len(kept) == len(self._entries):
            return
        self._overflown = len(kept) == self._limit
        self._entries = {entry.source: entry for entry in kept}
        self._owners = {}
        for entry in kept:
            entry.row = None  # some of its series may be forgotten
            if entry.drop is None:
                self._claim(entry)
        self._expect(kept)


def merged(expected: list[Entry], seen: list[Entry]) -> list[Entry]:
    """Return the expected series, without end mark, with the new ones where they were seen."""
    order: list[Entry] = []
    done = 0
    fresh: set[int] = set()
    for entry in seen:
        if entry.place >= done:
            order += expected[done : entry.place + 1]
            done = entry.place + 1
        elif entry.place < 0 and id(entry) not in fresh:
            fresh.add(id(entry))
            order.append(entry)
    return order + expected[done:-1]


_END = Entry(b"\xff", Drop.UNREADABLE)
"""Stands behind the last expected series and equals none: no label begins with this byte."""
