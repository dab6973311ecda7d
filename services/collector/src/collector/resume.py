"""Where a shard continues, read from the stream itself.

The last message of the subject says which window it belongs to and which part of it it is. After a
last part the shard continues at the window's end, and the window's messages tell up to when each
series is published. Otherwise somebody stopped half way: the messages tell which series are
published, and the same window is fetched again for the others.
"""

import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, replace

from collector.schedule import Window
from tenantry_common import batches, bus, contracts, errors, remote_write, snappy_block, subjects

_log = logging.getLogger(__name__)

_LARGEST_BATCH = 32 << 20


@dataclass(frozen=True, kw_only=True)
class Unfinished:
    """A window of which only the first parts are on the stream."""

    window: Window
    parts: int
    """How many are."""
    after: int
    """Sequence of the subject's last message before this window, 0 if there was none."""


@dataclass(frozen=True, kw_only=True)
class Published:
    """The last window on the stream, all of it."""

    window: Window
    parts: int
    after: int
    """Sequence of the subject's last message before this window, 0 if there was none."""
    source: str
    """Id of the backend that answered it."""
    version: str
    """Of what happened to its labels, see `transform.Version`."""


@dataclass(frozen=True, kw_only=True)
class Position:
    """What is published of a shard."""

    end_ms: int
    """Every window that ended until then is published, or held nothing."""
    sequence: int
    """Of the subject's last message, 0 when it has none."""
    unfinished: Unfinished | None = None
    published: Published | None = None


def parse(headers: Mapping[str, str], sequence: int) -> Position:
    """Return the position after a message with these headers; pure.

    Raises `errors.Undecodable` for headers that no collector writes, `errors.NewerSchema`.
    """
    try:
        schema = int(headers[subjects.HEADER_SCHEMA])
        start, end = map(int, headers[subjects.HEADER_WINDOW].split("-"))
        part, parts = map(int, headers[subjects.HEADER_PART].split("/"))
        after = int(headers[subjects.HEADER_AFTER])
        source = subjects.untoken(headers.get(subjects.HEADER_SOURCE, ""))
    except (KeyError, ValueError) as error:
        raise errors.Undecodable(f"headers of message {sequence}: {error!r}") from error
    if schema > contracts.SCHEMA:
        raise errors.NewerSchema(f"message {sequence} has schema {schema}: upgrade the collector")
    if part >= parts:
        published = Published(
            window=Window(start, end),
            parts=parts,
            after=after,
            source=source,
            version=headers.get(subjects.HEADER_VERSION, ""),
        )
        return Position(end_ms=end, sequence=sequence, published=published)
    unfinished = Unfinished(window=Window(start, end), parts=part, after=after)
    return Position(end_ms=start, sequence=sequence, unfinished=unfinished)


def newest(known: Position | None, found: Position | None) -> Position | None:
    """Return where to continue, given what this instance published and what the stream says; pure.

    Windows without samples leave nothing on the stream, so this instance may know of a later end;
    the sequence and what is unfinished come from the stream alone.
    """
    if known is None:
        return found
    if found is None:
        return Position(end_ms=known.end_ms, sequence=0)
    if found.unfinished is not None and found.unfinished.window.end_ms > known.end_ms:
        return found
    return replace(found, end_ms=max(known.end_ms, found.end_ms), unfinished=None)


async def read(connection: bus.Bus, shard: subjects.ShardRef) -> Position | None:
    """Return what the stream says about `shard`, None when it never published anything."""
    last = await batches.last(connection, subjects.SAMPLES, subjects.samples(shard))
    return None if last is None else parse(last.headers, last.sequence)


async def published_series(
    connection: bus.Bus, shard: subjects.ShardRef, unfinished: Unfinished
) -> frozenset[bytes]:
    """Return the encoded labels of the series that the parts of an unfinished window hold."""
    found: set[bytes] = set()
    messages = _messages(
        connection, shard, unfinished.window, parts=unfinished.parts, after=unfinished.after
    )
    read = 0
    async for block in messages:
        read += 1
        found.update(label_bytes for label_bytes, _ in series_of(block))
    if read < unfinished.parts:
        # Old messages were discarded. What they held is published a second time, which
        # endpoints refuse as a duplicate; leaving it out could lose it.
        _log.warning(
            "part of an unfinished window is gone from the stream",
            extra={"job": str(shard.job), "shard": shard.shard, "part": read + 1},
        )
    return frozenset(found)


async def last_published(
    connection: bus.Bus, shard: subjects.ShardRef, published: Published
) -> Mapping[bytes, int] | None:
    """Return the last timestamp (ms) of each series of a window, by its encoded labels.

    None when the stream does not hold all of the window any more.
    """
    found: dict[bytes, int] = {}
    read = 0
    async for block in _messages(
        connection, shard, published.window, parts=published.parts, after=published.after
    ):
        read += 1
        for label_bytes, last in series_of(block):
            found[label_bytes] = max(last, found.get(label_bytes, 0))
    return found if read == published.parts else None


async def _messages(
    connection: bus.Bus, shard: subjects.ShardRef, window: Window, *, parts: int, after: int
) -> AsyncIterator[bytes]:
    """Yield the first `parts` messages of a window, as far as the stream still holds them."""
    for _ in range(parts):
        message = await batches.following(
            connection, subjects.SAMPLES, subjects.samples(shard), after
        )
        if message is None or message.headers.get(subjects.HEADER_WINDOW) != str(window):
            return
        yield message.data
        after = message.sequence


def series_of(block: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield the encoded labels of each series of a batch and its last timestamp (ms)."""
    request = snappy_block.decompress(block, limit=_LARGEST_BATCH)
    for span in remote_write.series(request):
        begin = remote_write.labels_end(request, span.start, span.end)
        stamps = remote_write.first_and_last(request, begin, span.end)
        yield request[span.start : begin], stamps[1] if stamps else 0
