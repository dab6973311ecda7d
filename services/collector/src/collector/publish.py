"""Put the batches of one window on the stream, each under the fence of the one before it."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from collector.batch import Batch
from collector.resume import Position, Published, Unfinished
from collector.schedule import Window
from tenantry_common import batches, bus, contracts, errors, subjects


class Origin(NamedTuple):
    """Where the samples of a window come from."""

    source: str
    """Id of the backend that answered."""
    version: str
    """Of what happened to its labels, see `transform.Version`."""


def headers(
    shard: subjects.ShardRef,
    window: Window,
    batch: Batch,
    *,
    part: int,
    parts: int,
    after: int,
    origin: Origin,
) -> dict[str, str]:
    """Return the headers of one message; pure. `part` counts from 1."""
    return {
        subjects.HEADER_MSG_ID: subjects.batch_id(shard, window.end_ms, part),
        subjects.HEADER_WINDOW: str(window),
        subjects.HEADER_PART: f"{part}/{parts}",
        subjects.HEADER_AFTER: str(after),
        subjects.HEADER_SOURCE: subjects.token(origin.source),
        subjects.HEADER_VERSION: origin.version,
        subjects.HEADER_SERIES: str(batch.series),
        subjects.HEADER_SAMPLES: str(batch.samples),
        subjects.HEADER_SCHEMA: str(contracts.SCHEMA),
    }


def unfinished_of(position: Position, window: Window) -> Unfinished:
    """Return what is published of `window` so far; pure."""
    if position.unfinished is not None:
        return position.unfinished
    return Unfinished(window=window, parts=0, after=position.sequence)


async def window(
    connection: bus.Bus,
    shard: subjects.ShardRef,
    span: Window,
    position: Position,
    encoded: Sequence[Batch],
    origin: Origin,
    *,
    allowed: Callable[[], bool],
) -> Position:
    """Publish the parts of window `span` that are not on the stream yet; return the new position.

    `allowed` is asked before each part. Raises `errors.Fenced` when it says no or when somebody
    else published meanwhile, and `errors.BusUnavailable` when it is not known what is stored: in
    both cases the stream says where to continue.
    """
    begun = unfinished_of(position, span)
    parts = begun.parts + len(encoded)
    sequence = position.sequence
    for part, batch in enumerate(encoded, start=begun.parts + 1):
        if not allowed():
            raise errors.Fenced(f"lease of {shard} is lost")
        sequence = await batches.publish(
            connection,
            subjects.samples(shard),
            batch.block,
            headers(shard, span, batch, part=part, parts=parts, after=begun.after, origin=origin),
            after=sequence,
        )
    published = position.published
    if parts:
        published = Published(
            window=span,
            parts=parts,
            after=begun.after,
            source=origin.source,
            version=origin.version,
        )
    return Position(end_ms=span.end_ms, sequence=sequence, published=published)
