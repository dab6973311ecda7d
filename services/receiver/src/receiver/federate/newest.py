"""The newest samples of every pushing cluster, in step with stream `LATEST`; pure.

A whole upload replaces what its source had by upload. A remote write holds some of the series: each
replaces an older sample of its series, and goes when nothing has come of it for ten minutes.
"""

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from receiver.federate import rows
from receiver.federate.formats import Format
from receiver.federate.index import Index, Source
from receiver.federate.rows import Row
from tenantry_common import snappy_block
from tenantry_common.subjects import LatestRef

KEPT_SECONDS = 600.0
_UNUSED_SECONDS = 1800.0
_SWEEP_SECONDS = 5.0
_LARGEST_REQUEST = 64 << 20  # a message of NATS holds a megabyte of it, compressed
_NEVER = float("-inf")

type Types = Mapping[str, str]


@dataclass(slots=True)
class _Held:
    """What there is of one source."""

    whole: bytes = b""
    """The block of the last upload; blocks are a tenth of what they hold."""
    whole_until: float = _NEVER
    parts: dict[bytes, tuple[Row, float]] = field(default_factory=dict)
    """What remote writes brought, by encoded labels, and until when."""
    types: Types = MappingProxyType({})

    def rows(self) -> Iterator[Row]:
        """Yield the newest sample of each series that has not ended."""
        found = dict(rows.read(_request(self.whole))) if self.whole else {}
        for labels, (row, _) in self.parts.items():
            if labels not in found or found[labels].stamp <= row.stamp:
                found[labels] = row
        for row in found.values():
            if not row.is_stale:
                yield row


class Newest:
    """The state of all sources, with an index for each format that is asked for."""

    def __init__(self) -> None:
        self._held: dict[Source, _Held] = {}
        self._formats: dict[Format, tuple[Index, float]] = {}
        self._behind: set[Source] = set()
        self._swept = _NEVER

    def __len__(self) -> int:
        """Return how many sources there are."""
        return len(self._held)

    @property
    def sources(self) -> tuple[Source, ...]:
        """The sources, in no order."""
        return tuple(self._held)

    def apply(self, reference: LatestRef, block: bytes, until: float) -> None:
        """Take over one message, which is to be forgotten at `until`.

        One without series says that nothing of its cluster is to be shown. Raises `errors.Undecodable`, and
        then holds what it held.
        """
        source = (reference.job, reference.source)
        request = _request(block)
        if not request:
            if self._held.pop(source, None):
                self._encode(source, _Held())
            return
        found = list(rows.read(request))
        types = _shared(frozenset(rows.types(request).items()))
        held = self._held.setdefault(source, _Held())
        held.types = types or held.types
        if reference.part:
            for labels, row in found:
                known = held.parts.get(labels)
                if known is None or known[0].stamp <= row.stamp:
                    held.parts[labels] = (row, until)
            self._behind.add(source)  # many follow one another: encoded when somebody asks
        else:
            held.whole, held.whole_until = block, until
            self._encode(source, held)

    def forget(self, now: float) -> None:
        """Drop what has become too old, and indexes that nobody has asked for in a long time."""
        if now < self._swept + _SWEEP_SECONDS:
            return
        self._swept = now
        for source, held in list(self._held.items()):
            changed = False
            if held.whole and held.whole_until <= now:
                held.whole, changed = b"", True
            if held.parts and any(until <= now for _, until in held.parts.values()):
                held.parts = {key: part for key, part in held.parts.items() if part[1] > now}
                changed = True
            if not held.whole and not held.parts:
                del self._held[source]
            if changed:
                self._encode(source, held)
        for format, (_, asked) in list(self._formats.items()):
            if asked + _UNUSED_SECONDS <= now:
                del self._formats[format]

    def clear(self) -> None:
        """Forget everything: the stream is another one."""
        for source in self._held:
            self._encode(source, _Held())
        self._held.clear()
        self._behind.clear()

    def index(self, format: Format, now: float) -> tuple[Index, Iterator[None]]:
        """Return the index of a format, and what brings it up to date, one step a source."""
        known = self._formats.get(format)
        index = known[0] if known else Index()
        behind = tuple(self._behind) if known else tuple(self._held)
        self._formats[format] = (index, now)
        return index, self._catch_up(behind)

    def _catch_up(self, behind: tuple[Source, ...]) -> Iterator[None]:
        for source in behind:
            held = self._held.get(source)
            if held is not None:
                self._encode(source, held)
            yield

    def rows_of(self, source: Source) -> tuple[Iterator[Row], Types]:
        """Return the series of a source with the types of its families."""
        held = self._held.get(source, _Held())
        return held.rows(), held.types

    def type_of(self, source: Source, family: str) -> str:
        """Return which type a source says a family has, empty when it does not."""
        held = self._held.get(source)
        return held.types.get(family, "") if held else ""

    def _encode(self, source: Source, held: _Held) -> None:
        self._behind.discard(source)
        if not self._formats:
            return
        series = list(held.rows())
        for format, (index, _) in self._formats.items():
            index.put(source, format.encode(series, held.types))


def _request(block: bytes) -> bytes:
    return snappy_block.decompress(block, limit=_LARGEST_REQUEST)


@functools.lru_cache(maxsize=4096)  # clusters of one kind tell the same: held once
def _shared(types: frozenset[tuple[str, str]]) -> Types:
    return MappingProxyType(dict(types))
