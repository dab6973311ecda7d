"""Answer range queries of one backend from what it answered before, and ask it for the rest."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import msgspec

from query_gateway.cache import records, steps
from query_gateway.cache.matrix import decoded
from query_gateway.cache.records import Record
from query_gateway.cache.steps import Span, Steps
from query_gateway.cache.store import Store

_MOST_GAPS = 3
"""More than these are not asked for one by one: the whole range is."""


@dataclass(frozen=True, slots=True)
class RangeQuery:
    """Everything on which an answer depends. Two that differ in anything share nothing."""

    backend: str
    """The one backend that is asked: points of two replicas never meet in a series."""
    version: str
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
            self.backend, self.version, self.query, self.rules, self.parameters, where.step, where.phase,
        )  # fmt: skip
        return hashlib.sha256(msgspec.msgpack.encode(parts)).hexdigest()


type Fetch = Callable[[int, int], Awaitable[bytes]]
"""Ask the backend for a range, from and to in milliseconds, and return its answer."""


class RangeCache:
    """What backends answered to range queries."""

    def __init__(self, store: Store, *, fresh_ms: int, count: Callable[[str, int], None]) -> None:
        """Keep steps that are older than `fresh_ms`. `count` is told outcomes and how many steps."""
        self._store = store
        self._fresh = fresh_ms
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
        prefix = asked.key(where)
        kept = await self._kept(prefix, wanted)
        gaps = records.missing(wanted, kept)
        if len(gaps) > _MOST_GAPS:
            gaps = [wanted]
        missed = sum(gap.last - gap.first + 1 for gap in gaps)
        self._count("missed", missed)
        self._count("kept", wanted.last - wanted.first + 1 - missed)
        fetched = await _fetched(gaps, where, fetch)
        changed = records.grown(kept, fetched, where, where.before(now - self._fresh))
        await self._store.put(
            {_chunk_key(prefix, chunk): records.stored(one) for chunk, one in changed.items()}
        )
        return records.answer(wanted, where, kept, fetched, limit)

    async def _kept(self, prefix: str, wanted: Span) -> Mapping[int, Record]:
        chunks = steps.chunks(wanted)
        found = await self._store.get([_chunk_key(prefix, chunk) for chunk in chunks])
        return {
            chunk: record
            for chunk, data in zip(chunks, found, strict=True)
            if data is not None and (record := records.read(data)) is not None
        }


async def _fetched(gaps: list[Span], where: Steps, fetch: Fetch) -> list[Record]:
    async def ask(gap: Span) -> Record:
        return Record(gap, decoded(await fetch(where.time(gap.first), where.time(gap.last))))

    if len(gaps) == 1:
        return [await ask(gaps[0])]
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(ask(gap)) for gap in gaps]
    except* Exception as failed:
        raise failed.exceptions[0] from None
    return [task.result() for task in tasks]


def _chunk_key(prefix: str, chunk: int) -> str:
    return f"{prefix}.{chunk}"
