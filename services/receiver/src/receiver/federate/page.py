"""Put a page together: encoded families out of the index, and out of rows where labels decide."""

import asyncio
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from receiver.federate.formats import Format, Key
from receiver.federate.index import Source
from receiver.federate.newest import Newest
from receiver.federate.selection import Scope, Selection, Shard

_BLOCK_BYTES = 1 << 20
_TURN_SOURCES = 16  # between these the event loop gets its turn


class Asked(NamedTuple):
    """What one scrape asks for."""

    selection: Selection
    shard: Shard
    scope: Scope

    def holds(self, source: Source) -> bool:
        """Say whether series of this source may be on the page."""
        return self.scope.holds(source) and self.shard.holds(source)

    @property
    def restriction(self) -> Callable[[Source], bool] | None:
        """`holds`, None where it holds all."""
        return None if self.scope.is_all and self.shard.is_all else self.holds


async def page(newest: Newest, format: Format, asked: Asked, now: float) -> list[bytes]:
    """Return the page in pieces, all of one moment; they are references, so that it costs little."""
    index, behind = newest.index(format, now)
    await _in_turns(behind)
    chosen: dict[Key, list[tuple[Source, bytes]]] = {}
    undecided = set()
    keys = tuple(index)
    verdicts = {name: asked.selection.of_name(name) for name in {key.name for key in keys}}
    for key in keys:
        if verdicts[key.name] == "all":
            chosen[key] = list(index.of(key, asked.restriction))
        elif verdicts[key.name] == "some":
            undecided.add(key.name)
    if undecided:
        await _in_turns(_selected(newest, format, asked, undecided, chosen))
    return [*_families(newest, format, chosen), format.end]


def _selected(
    newest: Newest,
    format: Format,
    asked: Asked,
    undecided: Iterable[str],
    chosen: dict[Key, list[tuple[Source, bytes]]],
) -> Iterator[None]:
    """Put the series whose labels are as demanded into `chosen`, one step a source."""
    demanded = {name: asked.selection.within(name) for name in undecided}
    for source in newest.sources:
        if not asked.holds(source):
            continue
        series, types = newest.rows_of(source)
        selected = [
            row
            for row in series
            if (rules := demanded.get(row.name)) and rules.matches(row.labels_by_name)
        ]
        for key, chunk in format.encode(selected, types).items():
            chosen.setdefault(key, []).append((source, chunk))
        yield


def _families(
    newest: Newest, format: Format, chosen: dict[Key, list[tuple[Source, bytes]]]
) -> Iterator[bytes]:
    for family, keys in itertools.groupby(sorted(chosen), lambda key: key.family):
        held = [one for key in keys for one in chosen[key]]
        if held:
            kinds = (newest.type_of(source, family) for source, _ in held)
            kind = next(filter(None, kinds), "")
            yield from format.family(family, kind, [chunk for _, chunk in held])


def blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the page in blocks of about a megabyte."""
    block: list[bytes] = []
    size = 0
    for piece in pieces:
        block.append(piece)
        size += len(piece)
        if size >= _BLOCK_BYTES:
            yield b"".join(block)
            block, size = [], 0
    if block:
        yield b"".join(block)


async def _in_turns(steps: Iterator[None]) -> None:
    for number, _ in enumerate(steps, start=1):
        if number % _TURN_SOURCES == 0:
            await asyncio.sleep(0)
