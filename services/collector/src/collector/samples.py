"""Which samples of a series lie in the span that is looked at; pure.

A sample is ``12 len [09 <8 bytes of value>] 10 <timestamp>``: 18 bytes, or 9 where the value is
zero and therefore left out, because every timestamp between 2004 and 2109 takes six bytes. Series
of one target share their timestamps, so the seven bytes ``10 <timestamp>`` are decoded once and
remembered in `Gate.known`: samples that end in one of them need not be read any further, and all
series share one number for each timestamp.
Everything else (a timestamp not met before, native histograms, foreign fields) goes through `admit`.
"""

from collections.abc import Sequence
from typing import NamedTuple

from tenantry_common import errors, protowire, remote_write

SAMPLE_TAG = remote_write.SAMPLE << 3 | 2
STAMP_SIZE = 7
SAMPLE_SIZES = (9, 18)
_STAMP_TAG = 0x10
_REMEMBERED = 100_000


class Admitted(NamedTuple):
    """A sample or native histogram: its timestamp in ms, and where it stands in the answer."""

    time: int
    begin: int
    end: int


class Gate:
    """Lets the samples with ``after < timestamp <= until`` pass; ms."""

    def __init__(
        self, after: int, until: int, *, start: int | None = None, counted: bool = False
    ) -> None:
        """`start` is where the window begins; what lies before it is the overlap, if there is one.

        `counted` tells that the overlap is exactly the window before.
        """
        self._after, self._until = after, until
        self.start = after if start is None else start
        self.counted = counted
        self.known: dict[bytes, int] = {}
        """Encoded timestamps, tag included, that lie in the span, and what they say."""

    def admit(self, data: bytes, begin: int, end: int) -> list[Admitted]:
        """Return the samples of `data[begin:end]` that lie in the span, in their order.

        Raises `errors.Undecodable` for what is not a row of protobuf fields.
        """
        found = []
        for span, stamp in remote_write.timestamps(data, begin, end):
            if self._after < stamp <= self._until:
                sample = data[span.entry : span.end]
                found.append(Admitted(self._learn(sample, stamp), span.entry, span.end))
        return found

    def times(self, stamps: Sequence[bytes]) -> list[int] | None:
        """Return what these encoded timestamps say, None unless all lie in the span."""
        try:
            return list(map(self.known.__getitem__, stamps))  # nearly always
        except KeyError:
            found = [time for stamp in stamps if (time := self._try(stamp)) is not None]
        return found if len(found) == len(stamps) else None

    def _try(self, stamp: bytes) -> int | None:
        """Return what an encoded timestamp says if it lies inside, and remember it then."""
        if (known := self.known.get(stamp)) is not None:
            return known
        if stamp[0] != _STAMP_TAG:
            return None
        try:
            value, end = protowire.read_varint(stamp, 1, STAMP_SIZE)
        except errors.Undecodable:
            return None
        time = protowire.signed(value)
        if end != STAMP_SIZE or not self._after < time <= self._until:
            return None
        if len(self.known) < _REMEMBERED:
            self.known[stamp] = time
        return time

    def _learn(self, sample: bytes, time: int) -> int:
        """Return `time`, as the number that all series share if that is possible."""
        if sample[0] == SAMPLE_TAG and len(sample) in SAMPLE_SIZES:
            return self._try(sample[-STAMP_SIZE:]) or time
        return time
