"""Answer range queries of one backend from what it answered before, and ask it for the rest."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial

import msgspec

from query_gateway.cache import records, steps
from query_gateway.cache.matrix import decoded
from query_gateway.cache.records import Record
from query_gateway.cache.steps import Span, Steps
from query_gateway.cache.store import Memory, Store
from query_gateway.upstream import read_aside

_MOST_GAPS = 3
"""More than these are not asked for one by one: the whole range is."""
_SHARED_STEPS = 8
"""Fewer steps are not worth a look into the shared store: the backend is asked for fresh ones anyway."""


@dataclass(frozen=True, slots=True)
class RangeQuery:
    """Everything on which an answer depends. Two that differ in anything share nothing."""

    source: str
    """Digest of the one backend that is asked, and how: points of two replicas never meet in a series."""
    query: str
    """As it goes upstream: rewritten."""
    rules: str
    """Digest of the tenant's rules."""
    start: int
    """Milliseconds since the epoch, like `end`."""
    end: int
    step: int
    """Milliseconds."""
    parameters: tuple[tuple[str, str], ...] = ()
    """Others that change the answer, such as `lookback_delta`."""

    def key(self, where: Steps) -> str:
        """Return what all ranges of this query at these steps have in common."""
        parts = (
            records.SCHEMA,  # gateways of two versions do not replace each other's
            self.source, self.query, self.rules, self.parameters, where.step, where.phase,
        )  # fmt: skip
        return hashlib.sha256(msgspec.msgpack.encode(parts)).hexdigest()


type Fetch = Callable[[int, int], Awaitable[bytes]]
"""Ask the backend for a range, from and to in milliseconds, and return its answer."""


class RangeCache:
    """What backends answered to range queries."""

    def __init__(
        self,
        memory: Memory,
        shared: Store | None = None,
        *,
        fresh_ms: int,
        keep_ms: int,
        count: Callable[[str, int], None],
    ) -> None:
        """Keep steps that are older than `fresh_ms`, for `keep_ms`.

        Other gateways see what is in `shared`. `count` is told outcomes and how many steps.
        """
        self._memory = memory
        self._shared = shared
        self._fresh = fresh_ms
        self._keep = keep_ms
        self._count = count
        self._running: dict[tuple[RangeQuery, int], asyncio.Future[bytes]] = {}

    async def answer(self, asked: RangeQuery, limit: int, now: int, fetch: Fetch) -> bytes:
        """Return the answer, at most `limit` series (0: all); what `fetch` raises is raised.

        Equal requests at the same time are one: the others wait for the first.
        """
        key = (asked, limit)
        running = self._running.get(key)
        if running is not None:
            self._count("shared", 1)
            try:
                return await asyncio.shield(running)
            except asyncio.CancelledError:
                if not running.cancelled():
                    raise
        future = self._running[key] = asyncio.get_running_loop().create_future()
        try:
            body = await self._answer(asked, limit, now, fetch)
        except BaseException:
            # Those who wait ask for themselves: the fault may be in this request, or its client gone.
            future.cancel()
            raise
        finally:
            if self._running.get(key) is future:
                del self._running[key]
        future.set_result(body)
        return body

    async def _answer(self, asked: RangeQuery, limit: int, now: int, fetch: Fetch) -> bytes:
        where, wanted = steps.steps_of(asked.start, asked.end, asked.step)
        settled = where.before(now - self._fresh)
        prefix = asked.key(where)
        kept = await self._kept(prefix, wanted, settled, now)
        gaps = records.missing(wanted, kept)
        if len(gaps) > _MOST_GAPS:
            gaps = [wanted]
        missed = sum(gap.last - gap.first + 1 for gap in gaps)
        self._count("missed", missed)
        self._count("kept", wanted.last - wanted.first + 1 - missed)
        fetched = await _fetched(gaps, where, now, fetch)
        changed = records.grown(kept, fetched, where, settled)
        stored = {chunk: records.stored(one) for chunk, one in changed.items()}
        self._memory.put({_name(prefix, chunk): data for chunk, data in stored.items()})
        if self._shared is not None:
            self._shared.put(
                {
                    _name(prefix, chunk): data
                    for chunk, data in stored.items()
                    if _is_to_be_shared(kept.get(chunk), changed[chunk])
                }
            )
        return records.answer(wanted, where, kept, fetched, limit)

    async def _kept(
        self, prefix: str, wanted: Span, settled: int, now: int
    ) -> Mapping[int, Record]:
        """Return the records that hold some of the wanted steps, by chunk."""
        chunks = list(steps.chunks(wanted))
        kept = self._read(chunks, self._memory.get([_name(prefix, chunk) for chunk in chunks]), now)
        if self._shared is None:
            return kept

        def lacks(chunk: int, record: Record | None) -> int:
            return _lacks(record, steps.part(wanted, chunk), settled)

        lacking = [one for one in chunks if lacks(one, kept.get(one)) >= _SHARED_STEPS]
        if not lacking:
            return kept
        names = [_name(prefix, chunk) for chunk in lacking]
        found = dict(zip(lacking, await self._shared.get(names), strict=True))
        better = {
            chunk: record
            for chunk, record in self._read(lacking, list(found.values()), now).items()
            if lacks(chunk, record) < lacks(chunk, kept.get(chunk))
        }
        self._memory.put(
            {_name(prefix, chunk): data for chunk in better if (data := found[chunk]) is not None}
        )
        return {**kept, **better}

    def _read(self, chunks: list[int], found: list[bytes | None], now: int) -> dict[int, Record]:
        return {
            chunk: record
            for chunk, data in zip(chunks, found, strict=True)
            if data is not None
            and (record := records.read(data)) is not None
            and now - self._keep < record.since
        }


def _lacks(record: Record | None, wanted: Span, settled: int) -> int:
    """Return how many of the wanted steps that are settled are not in the record."""
    gaps = [wanted] if record is None else steps.without(wanted, [record.span])
    return sum(max(0, min(gap.last, settled) - gap.first + 1) for gap in gaps)


def _is_to_be_shared(before: Record | None, after: Record) -> bool:
    """Say whether a record grew so much that others should have it; not with every single step."""
    if before is None or before.span.first != after.span.first:
        return True
    return (before.span.last + 1) // _SHARED_STEPS != (after.span.last + 1) // _SHARED_STEPS


async def _fetched(gaps: list[Span], where: Steps, now: int, fetch: Fetch) -> list[Record]:
    async def ask(gap: Span) -> Record:
        body = await fetch(where.time(gap.first), where.time(gap.last))
        return Record(gap, await read_aside(partial(decoded, body), len(body)), now)

    if len(gaps) == 1:
        return [await ask(gaps[0])]
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(ask(gap)) for gap in gaps]
    except* Exception as failed:
        raise failed.exceptions[0] from None
    return [task.result() for task in tasks]


def _name(prefix: str, chunk: int) -> str:
    return f"{prefix}.{chunk}"
