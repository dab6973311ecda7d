"""What is kept of a chunk: some of its steps in a row, and what was answered for them; pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from query_gateway.cache import matrix, steps
from query_gateway.cache.matrix import Matrix
from query_gateway.cache.steps import Span, Steps

SCHEMA = 2
"""Of what is stored; what says another number is not read."""


class _Stored(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    schema: int
    since: int
    first: int
    last: int
    answer: Matrix


_decoder = msgspec.msgpack.Decoder(_Stored)


@dataclass(frozen=True, slots=True)
class Record:
    """An answer for steps that lie in one chunk."""

    span: Span
    answer: Matrix
    since: int
    """When the oldest part of it was answered, in milliseconds since the epoch."""


def stored(record: Record) -> bytes:
    """Return a record as bytes."""
    return msgspec.msgpack.encode(_Stored(SCHEMA, record.since, *record.span, record.answer))


def read(data: bytes) -> Record | None:
    """Read a record; None for anything else: whatever a cache holds, it is only worth what it says."""
    try:
        found = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if found.schema != SCHEMA:
        return None
    return Record(Span(found.first, found.last), found.answer, found.since)


def missing(wanted: Span, kept: Mapping[int, Record]) -> list[Span]:
    """Return which of the wanted steps are in no record, joined where they touch."""
    spans = []
    for chunk in steps.chunks(wanted):
        part, record = steps.part(wanted, chunk), kept.get(chunk)
        spans += [part] if record is None else steps.without(part, [record.span])
    return steps.joined(spans)


def answer(
    wanted: Span, where: Steps, kept: Mapping[int, Record], fetched: Sequence[Record], limit: int
) -> bytes:
    """Put the answer for the wanted steps together from what was kept and what was fetched."""
    gaps = [record.span for record in fetched]
    parts = list(fetched)
    for chunk in steps.chunks(wanted):
        used = steps.without(steps.part(wanted, chunk), gaps)
        parts += [cut(kept[chunk], span, where) for span in used]
    parts.sort(key=lambda record: record.span)
    return matrix.encoded(matrix.concatenated([one.answer for one in parts], limit=limit))


def cut(record: Record, span: Span, where: Steps) -> Record:
    """Return what a record says of some of its steps."""
    return record if span == record.span else pieces(record, [span], where)[0]


def pieces(record: Record, spans: Sequence[Span], where: Steps) -> list[Record]:
    """Return what a record says of some of its steps, which follow one another without a gap."""
    times = [where.time(span.first) for span in spans] + [where.time(spans[-1].last + 1)]
    parts = zip(spans, matrix.split(record.answer, times), strict=True)
    return [Record(span, part, record.since) for span, part in parts]


def grown(
    kept: Mapping[int, Record], fetched: Iterable[Record], where: Steps, settled: int
) -> dict[int, Record]:
    """Return the records to keep from now on, by chunk: those that changed, up to the `settled` step."""
    changed: dict[int, Record] = {}
    for record in fetched:
        span = Span(record.span.first, min(record.span.last, settled))
        if span.first > span.last:
            continue
        chunks = steps.chunks(span)
        found = pieces(record, [steps.part(span, chunk) for chunk in chunks], where)
        for chunk, piece in zip(chunks, found, strict=True):
            before = changed.get(chunk, kept.get(chunk))
            changed[chunk] = piece if before is None else _joined(before, piece, where)
    return changed


def _joined(before: Record, new: Record, where: Steps) -> Record:
    """Return both as one where they touch, else the new one: a record has no holes."""
    if new.span.first > before.span.last + 1 or new.span.last < before.span.first - 1:
        return new
    rest = [cut(before, span, where) for span in steps.without(before.span, [new.span])]
    parts = sorted([*rest, new], key=lambda record: record.span)
    joined = matrix.concatenated([one.answer for one in parts])
    span = Span(parts[0].span.first, parts[-1].span.last)
    return Record(span, joined, min(one.since for one in parts))
