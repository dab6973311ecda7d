"""Which samples of a series lie in the window; pure.

A sample is ``12 len [09 <8 bytes of value>] 10 <timestamp>``: 18 bytes, or 9 where the value is
zero and therefore left out, because every timestamp between 2004 and 2109 takes six bytes. Series
of one target share their timestamps, so the seven bytes ``10 <timestamp>`` are decoded once and
remembered in `Gate.stamps`: the encoder's loop lets samples that end in one of them pass unread.
Everything else (a timestamp not met before, native histograms, foreign fields) goes through `admit`.
"""

from collections.abc import Collection

from collector.schedule import Window
from tenantry_common import errors, protowire, remote_write

SAMPLE_TAG = remote_write.SAMPLE << 3 | 2
STAMP_SIZE = 7
SAMPLE_SIZES = (9, 18)
_STAMP_TAG = 0x10
_REMEMBERED = 100_000


class Gate:
    """Lets the samples of one window pass."""

    def __init__(self, window: Window) -> None:
        self._after, self._until = window
        self.stamps: set[bytes] = set()
        """Encoded timestamps, tag included, that are known to lie in the window."""

    def admit(self, data: bytes, begin: int, end: int) -> tuple[int, bytes]:
        """Return how many samples of `data[begin:end]` lie in the window, and their bytes.

        Raises `errors.Undecodable` for what is not a row of protobuf fields.
        """
        kept = []
        for span, stamp in remote_write.timestamps(data, begin, end):
            if self._after < stamp <= self._until:
                sample = data[span.entry : span.end]
                kept.append(sample)
                self._learn(sample)
        return len(kept), b"".join(kept)

    def inside(self, stamps: Collection[bytes]) -> bool:
        """Return whether all these encoded timestamps, tags included, lie in the window."""
        if self.stamps.issuperset(stamps):
            return True
        return all(stamp in self.stamps or self._try(stamp) for stamp in stamps)

    def _try(self, stamp: bytes) -> bool:
        """Remember an encoded timestamp if it lies inside; return whether it does."""
        if stamp[0] != _STAMP_TAG:
            return False
        try:
            value, end = protowire.read_varint(stamp, 1, STAMP_SIZE)
        except errors.Undecodable:
            return False
        if end != STAMP_SIZE or not self._after < protowire.signed(value) <= self._until:
            return False
        if len(self.stamps) < _REMEMBERED:
            self.stamps.add(stamp)
        return True

    def _learn(self, sample: bytes) -> None:
        if sample[0] == SAMPLE_TAG and len(sample) in SAMPLE_SIZES:
            self._try(sample[-STAMP_SIZE:])
