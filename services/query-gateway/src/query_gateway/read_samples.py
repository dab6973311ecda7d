"""Answers of remote read that hold samples: check, unite, cut down; pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from query_gateway.answers import NotAnAnswer
from query_gateway.failures import Failure
from query_gateway.shards.frames import TWICE, Uncomputable
from query_gateway.stored_labels import StoredLabels
from tenantry_common import errors, protowire, remote_read, remote_write, snappy_block

_RESULT = 1

type Key = tuple[tuple[str, str], ...]
type Entries = dict[Key, bytes]
"""The series of one query by their stored labels, each as the field that it is in the answer."""


def of_shards(blocks: Sequence[bytes], queries: int, most: int) -> bytes:
    """Return one answer from those of shards, which hold different series and were united each.

    Series are sorted by their labels as they are answered, external ones included. Raises
    Uncomputable for a series that two shards have, and what `united` raises.
    """
    results: list[Entries] = [{} for _ in range(queries)]
    for block in blocks:
        most -= _size(block)
        if most < 0:
            raise _too_long()
        parts: list[Entries] = [{} for _ in range(queries)]
        _collect(_decompressed(block), parts, lambda labels: labels)
        for entries, part in zip(results, parts, strict=True):
            if not entries.keys().isdisjoint(part):
                raise Uncomputable(TWICE)
            entries.update(part)
    return _written([sorted(entries.items()) for entries in results])


def united(blocks: Sequence[bytes], queries: int, stored: StoredLabels, most: int) -> bytes:
    """Return one answer to `queries` queries from several, each of which holds a part of every one.

    All are snappy blocks. A series that several hold comes once. Series are sorted by their labels
    where something was united, else in the backend's order. Raises `Violation`, `NotAnAnswer`, and
    `Failure` for more than `most` bytes when they are decompressed.
    """
    if not blocks:
        return snappy_block.compress(b"")
    results: list[Entries] = [{} for _ in range(queries)]
    withheld = 0
    for block in blocks:
        most -= _size(block)
        if most < 0:
            raise _too_long()
        withheld += _collect(_decompressed(block), results, stored.shown)
    if len(blocks) == 1 and not withheld:
        return blocks[0]
    return _written(
        [sorted(entries.items()) if len(blocks) > 1 else entries.items() for entries in results]
    )


def _written(results: Iterable[Iterable[tuple[Key, bytes]]]) -> bytes:
    return snappy_block.compress(
        b"".join(
            protowire.delimited(_RESULT, b"".join(entry for _, entry in entries))
            for entries in results
        )
    )


def _too_long() -> Failure:
    return Failure("limit", "the answer is longer than buffered_bytes when decompressed")


def _size(block: bytes) -> int:
    try:
        return snappy_block.decoded_size(block)
    except errors.Undecodable as error:
        raise NotAnAnswer from error


def _decompressed(block: bytes) -> bytes:
    try:
        return snappy_block.decompress(block, limit=_size(block))
    except errors.Undecodable as error:
        raise NotAnAnswer from error


def _collect(
    answer: bytes,
    results: list[Entries],
    shown: Callable[[Mapping[str, str]], Mapping[str, str] | None],
) -> int:
    """Add the series of one answer to `results`, and return how many are withheld.

    `shown` returns the labels that tell a series from others, None for one that is withheld.
    """
    try:
        spans = list(remote_read.results(answer))
        if len(spans) != len(results):
            raise NotAnAnswer
        withheld = 0
        for (start, end), entries in zip(spans, results, strict=True):
            for span in _series(answer, start, end):
                labels = remote_write.series_labels(answer, span)
                if (told := shown(labels)) is not None:
                    key = tuple(sorted(told.items()))
                    entries.setdefault(key, answer[span.entry : span.end])
                else:
                    withheld += 1
    except errors.Undecodable as error:
        raise NotAnAnswer from error
    return withheld


def _series(answer: bytes, start: int, end: int) -> Iterator[remote_write.Span]:
    for field in protowire.fields(answer, start, end):
        if field.number == remote_write.SERIES:
            yield remote_write.Span(field.entry, field.start, field.end)
