"""Read back what the stream still holds of a job's last minutes: the state of a Pushgateway group.

A Pushgateway forgets nothing by itself and is never asked what it has: what a group should hold
follows from the batches alone, so it survives every writer.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from tenantry_common import batches, bus, errors, snappy_block, subjects
from writer import batch, exposition

MAX_DECODED_BYTES = 64 << 20


@dataclass(frozen=True, kw_only=True)
class Recent:
    """The batches of a job's last minutes."""

    latest: exposition.Latest
    """The newest sample of each series."""
    read_to: Mapping[str, int]
    """Sequence of the last batch that was read, by subject."""


async def recent(connection: bus.Bus, pattern: str, span_ms: int) -> Recent:
    """Return what the last `span_ms` of each subject hold, counted from its newest window.

    A batch that cannot be read, or has a newer schema, is passed over: whoever delivers it says
    so. Raises `errors.BusUnavailable`. There may be hundreds of batches: others get their turn
    between two of them, because a lane that stands still for long loses its batch (`hold`).
    """
    latest: dict[bytes, exposition.Held] = {}
    read_to: dict[str, int] = {}
    found = await batches.subjects_of(connection, subjects.SAMPLES, pattern)
    for subject in sorted(found):
        newest = await batches.last(connection, subjects.SAMPLES, subject)
        if newest is None:
            continue
        first = await _first(connection, newest, span_ms)
        after = first - 1
        while after < newest.sequence:
            stored = await batches.following(connection, subjects.SAMPLES, subject, after)
            if stored is None:
                break
            _absorb(latest, stored)
            after = stored.sequence
            await asyncio.sleep(0)
        read_to[subject] = newest.sequence
    return Recent(latest=latest, read_to=read_to)


async def _first(connection: bus.Bus, newest: batches.Stored, span_ms: int) -> int:
    """Return the sequence from which on to read: windows name their predecessors."""
    oldest_end = _window_end(newest) - span_ms
    sequence = newest.sequence
    stored: batches.Stored | None = newest
    while stored is not None and _window_end(stored) > oldest_end:
        sequence = min(sequence, stored.sequence)
        before = stored.headers.get(subjects.HEADER_AFTER, "")
        if not before.isdigit() or not 0 < int(before) < stored.sequence:
            break
        sequence = int(before) + 1
        stored = await batches.following(
            connection, subjects.SAMPLES, newest.subject, int(before) - 1
        )
        if stored is not None and stored.sequence != int(before):  # no longer retained
            break
    return sequence


def _window_end(stored: batches.Stored) -> int:
    try:
        return batch.read(stored.headers).window_end_ms
    except errors.NewerSchema:
        return 0


def _absorb(latest: dict[bytes, exposition.Held], stored: batches.Stored) -> None:
    try:
        batch.read(stored.headers)
        request = snappy_block.decompress(stored.data, limit=MAX_DECODED_BYTES)
        exposition.absorb(latest, request)
    except (errors.NewerSchema, errors.Undecodable):
        return
