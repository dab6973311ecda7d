"""Answers of remote read that are streams of chunks: check and unite them frame by frame; pure.

A frame is a length, a checksum, and a `prometheus.ChunkedReadResponse` with some chunks of one series
and the number of the query that it answers. Frames are shown or withheld whole and never changed, so
that the backend's checksum reaches the tenant.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from query_gateway.answers import NotAnAnswer
from query_gateway.shards.frames import TWICE, Uncomputable
from query_gateway.stored_labels import StoredLabels
from tenantry_common import errors, protowire, remote_write

_SERIES = 1
_QUERY = 2
_CHECKSUM_BYTES = 4
_LONGEST_HEAD = 10
_LONGEST = 64 * 1024 * 1024


class Frame(NamedTuple):
    """One frame of an answer."""

    raw: bytes
    """All of it, as it came."""
    query: int
    labels: dict[str, str]
    """Those of its series, external ones included."""


type Series = dict[tuple[int, tuple[tuple[str, str], ...]], list[bytes]]
"""Frames by the number of their query and the labels of their series."""


async def admitted(chunks: AsyncIterator[bytes], stored: StoredLabels) -> AsyncIterator[bytes]:
    """Yield the frames of an answer that comes in pieces, apart from withheld ones.

    Raises `Violation`, and `NotAnAnswer` for what is no such answer or does not come whole.
    """
    waiting = bytearray()
    async for chunk in chunks:
        waiting += chunk
        end = 0
        while (size := _frame_size(waiting, end)) is not None and end + size <= len(waiting):
            frame = _frame(bytes(waiting[end : end + size]))
            end += size
            if stored.admit(frame.labels):
                yield frame.raw
        del waiting[:end]
    if waiting:
        raise NotAnAnswer


def united(answers: Sequence[bytes], stored: StoredLabels) -> bytes:
    """Return one answer from several, each of which holds a part of every query.

    Series are sorted by their labels within each query; one that several answers hold comes once.
    Raises `Violation` and `NotAnAnswer`.
    """
    found: Series = {}
    for answer in answers:
        found = _by_series(answer, stored.shown) | found
    return _written(found)


def of_shards(answers: Sequence[bytes]) -> bytes:
    """Return one answer from those of shards, which hold different series and were united each.

    Series are sorted, within each query, by their labels as they are answered, external ones included.
    Raises Uncomputable for a series that two shards have, and `NotAnAnswer`.
    """
    found: Series = {}
    for answer in answers:
        new = _by_series(answer, lambda labels: labels)
        if not found.keys().isdisjoint(new):
            raise Uncomputable(TWICE)
        found |= new
    return _written(found)


def _by_series(
    answer: bytes, shown: Callable[[Mapping[str, str]], Mapping[str, str] | None]
) -> Series:
    """Return the frames of an answer by what `shown` makes of their labels; None withholds them."""
    found: Series = {}
    for frame in _frames(answer):
        if (told := shown(frame.labels)) is not None:
            found.setdefault((frame.query, tuple(sorted(told.items()))), []).append(frame.raw)
    return found


def _written(found: Series) -> bytes:
    return b"".join(raw for key in sorted(found) for raw in found[key])


def _frames(answer: bytes) -> Iterator[Frame]:
    position = 0
    while position < len(answer):
        size = _frame_size(answer, position)
        if size is None or position + size > len(answer):
            raise NotAnAnswer
        yield _frame(answer[position : position + size])
        position += size


def _frame_size(data: protowire.Buffer, position: int) -> int | None:
    """Return the bytes of the frame at `position`, None while that is not known."""
    try:
        length, start = protowire.read_varint(data, position, len(data))
    except errors.Undecodable as error:
        if len(data) - position >= _LONGEST_HEAD:
            raise NotAnAnswer from error
        return None
    if length > _LONGEST:
        raise NotAnAnswer
    return start - position + _CHECKSUM_BYTES + length


def _frame(raw: bytes) -> Frame:
    try:
        _, start = protowire.read_varint(raw, 0, len(raw))
        fields = list(protowire.fields(raw, start + _CHECKSUM_BYTES, len(raw)))
        series = [field for field in fields if field.number == _SERIES]
        numbers = [field for field in fields if field.number == _QUERY]
        # Several series in one frame could not be shown or withheld one by one; nobody sends them.
        if len(series) != 1 or len(numbers) > 1:
            raise NotAnAnswer
        span = remote_write.Span(series[0].entry, series[0].start, series[0].end)
        query = protowire.read_varint(raw, numbers[0].start, len(raw))[0] if numbers else 0
        return Frame(raw, query, remote_write.series_labels(raw, span))
    except errors.Undecodable as error:
        raise NotAnAnswer from error
