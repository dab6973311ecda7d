"""What is kept of a chunk: some of its steps in a row, and what was answered for them; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from query_gateway.answers import NotAnAnswer
from query_gateway.cache import matrix, steps
from query_gateway.cache.matrix import Matrix
from query_gateway.cache.steps import Span, Steps


class _Stored(msgspec.Struct, frozen=True, array_like=True):
    first: int
    last: int
    body: bytes


_decoder = msgspec.msgpack.Decoder(_Stored)


@dataclass(frozen=True, slots=True)
class Record:
    """An answer for steps that lie in one chunk."""

    span: Span
    answer: Matrix


def stored(record: Record) -> bytes:
    """Return a record as bytes."""
    body = matrix.encoded(record.answer)
    return msgspec.msgpack.encode(_Stored(record.span.first, record.span.last, body))


def read(data: bytes) -> Record | None:
    """Read a record; None for anything else: whatever a cache holds, it is only worth what it says."""
    try:
        found = _decoder.decode(data)
        return Record(Span(found.first, found.last), matrix.decoded(found.body))
    except (msgspec.DecodeError, NotAnAnswer):
        return None


def missing(wanted: Span, kept: Mapping[int, Record]) -> list[Span]:
    """Return which of the wanted steps are in no record, joined where they touch."""
    spans = []
    for chunk in steps.chunks(wanted):
        part = steps.part(wanted, chunk)
        record = kept.get(chunk)
        if record is None or not record.span.first <= part.first <= record.span.last:
            spans.append(part)
        elif record.span.last < part.last:
            spans.append(Span(record.span.last + 1, part.last))
    return steps.joined(spans)


def answer(
    wanted: Span, where: Steps, kept: Mapping[int, Record], fetched: Sequence[Record], limit: int
) -> bytes:
    """Put the answer for the wanted steps together from what was kept and what was fetched."""
    gaps = [record.span for record in fetched]
    parts = list(fetched)
    for chunk in steps.chunks(wanted):
        used = _without(steps.part(wanted, chunk), gaps)
        parts += [cut(kept[chunk], span, where) for span in used]
    parts.sort(key=lambda record: record.span)
    return matrix.encoded(matrix.concatenated([one.answer for one in parts], limit=limit))


def _without(span: Span, gaps: Sequence[Span]) -> list[Span]:
    """Return a span without the gaps, which are in ascending order."""
    found = []
    first = span.first
    for gap in gaps:
        if gap.last < first or gap.first > span.last:
            continue
        if gap.first > first:
            found.append(Span(first, gap.first - 1))
        first = max(first, gap.last + 1)
    if first <= span.last:
        found.append(Span(first, span.last))
    return found


def cut(record: Record, span: Span, where: Steps) -> Record:
    """Return what a record says of some of its steps."""
    start, end = where.time(span.first), where.time(span.last)
    return Record(span, matrix.cut(record.answer, start, end))


def grown(
    kept: Mapping[int, Record], fetched: Sequence[Record], where: Steps, settled: int
) -> dict[int, Record]:
    """Return the records to keep from now on, by chunk: those that changed, up to the `settled` step."""
    changed: dict[int, Record] = {}
    for record in fetched:
        for chunk in steps.chunks(record.span):
            part = steps.part(record.span, chunk)
            part = Span(part.first, min(part.last, settled))
            if part.first > part.last:
                continue
            piece = cut(record, part, where)
            before = changed.get(chunk, kept.get(chunk))
            if before is not None and before.span.last + 1 == part.first:
                joined = matrix.concatenated([before.answer, piece.answer])
                piece = Record(Span(before.span.first, part.last), joined)
            changed[chunk] = piece
    return changed
