"""A cached answer is the answer: whatever was asked before, and however the requests overlap."""

import asyncio
import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.query_gateway.cache.test_matrix import body

from query_gateway.cache import steps
from query_gateway.cache.range_cache import RangeCache, RangeQuery
from query_gateway.cache.store import Memory

FRESH = 60_000
KEEP = 1_000_000_000
QUERY = RangeQuery("source", "up", "digest", 0, 0, 10_000)


class Backend:
    """Answers from series that are present at some steps only."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []
        self.gate: asyncio.Event | None = None

    def answer(self, start: int, end: int, step: int) -> bytes:
        times = range(start, end + 1, step)
        found = []
        for name, every in (("x", 1), ("y", 3), ("z", 50)):
            values = [
                [time // 1000 if time % 1000 == 0 else time / 1000, f"{time}.{every}"]
                for time in times
                if time // step % every == 0
            ]
            if values:
                found.append({"metric": {"__name__": name}, "values": values})
        return body(*found)

    async def fetch(self, start: int, end: int) -> bytes:
        self.asked.append((start, end))
        if self.gate is not None:
            await self.gate.wait()
        return self.answer(start, end, QUERY.step)


def cache(most: int = 10_000_000) -> tuple[RangeCache, Counter[str]]:
    counted: Counter[str] = Counter()

    def count(what: str, steps: int) -> None:
        counted[what] += steps

    return RangeCache(Memory(most), fresh_ms=FRESH, keep_ms=KEEP, count=count), counted


def asked(start: int, end: int) -> RangeQuery:
    return dataclasses.replace(QUERY, start=start, end=end)


@given(
    st.lists(
        st.tuples(st.integers(0, 3_000), st.integers(0, 2_500), st.sampled_from((0, 7))),
        max_size=12,
    ),
    st.sampled_from((300, 5_000, 10_000_000)),
)
@settings(max_examples=60, deadline=None)
def test_an_answer_from_pieces_equals_the_answer_of_the_backend(
    requests: list[tuple[int, int, int]], most: int
) -> None:
    async def run() -> None:
        one, _ = cache(most)
        backend = Backend()
        now = 0
        for first, length, phase in requests:
            start = first * 10_000 + phase
            end = start + length * 10_000
            now = max(now, end)  # time goes on, and nobody asks for the future
            found = await one.answer(asked(start, end), 0, now, backend.fetch)
            assert found == backend.answer(start, end, QUERY.step)

    asyncio.run(run())


async def test_only_new_steps_are_asked_for_when_time_goes_on() -> None:
    one, counted = cache()
    backend = Backend()
    for now in (3_600_000, 3_615_000, 3_630_000):
        start = now - 3_600_000
        start -= start % 10_000
        await one.answer(asked(start, now), 0, now, backend.fetch)

    # Those younger than a minute, again and again, and nothing older.
    assert backend.asked == [(0, 3_600_000), (3_550_000, 3_610_000), (3_560_000, 3_630_000)]
    assert counted["missed"] == 361 + 7 + 8


@pytest.mark.parametrize(
    "change",
    [
        {"source": "other"},
        {"query": "down"},
        {"rules": "others"},
        {"step": 20_000},
        {"start": 5_007, "end": 1_000_007},
        {"parameters": (("lookback_delta", "1m"),)},
    ],
    ids=str,
)
async def test_a_query_that_differs_in_anything_shares_nothing(
    change: Mapping[str, object],
) -> None:
    one, _ = cache()
    backend = Backend()
    first = asked(0, 1_000_000)
    await one.answer(first, 0, 2_000_000, backend.fetch)

    await one.answer(msgspec_replace(first, change), 0, 2_000_000, backend.fetch)

    assert len(backend.asked) == 2


def msgspec_replace(query: RangeQuery, change: Mapping[str, object]) -> RangeQuery:
    return dataclasses.replace(query, **change)  # type: ignore[arg-type]  # each has its own type


TEXTS = st.sampled_from(("", "a", "b", "ab"))
QUERIES = st.builds(
    RangeQuery,
    source=TEXTS,
    query=TEXTS,
    rules=TEXTS,
    start=st.sampled_from((0, 7, 1_000, 2_000)),
    end=st.just(5_000),
    step=st.sampled_from((1_000, 500)),
    parameters=st.lists(st.tuples(TEXTS, TEXTS), max_size=2).map(tuple),
)


@given(QUERIES, QUERIES)
def test_names_are_equal_where_everything_is(one: RangeQuery, other: RangeQuery) -> None:
    def everything(query: RangeQuery) -> RangeQuery:
        return dataclasses.replace(query, start=query.start % query.step)

    def name(query: RangeQuery) -> str:
        return query.key(steps.steps_of(query.start, query.end, query.step)[0])

    assert (name(one) == name(other)) is (everything(one) == everything(other))


async def test_equal_requests_at_one_time_are_asked_once() -> None:
    one, counted = cache()
    backend = Backend()
    backend.gate = asyncio.Event()
    query = asked(0, 1_000_000)
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(one.answer(query, 0, 2_000_000, backend.fetch)) for _ in range(3)
        ]
        await asyncio.sleep(0)
        backend.gate.set()

    assert len(backend.asked) == 1
    assert len({task.result() for task in tasks}) == 1
    assert counted["shared"] == 2


async def test_a_request_that_is_given_up_leaves_the_others_to_ask_for_themselves() -> None:
    one, _ = cache()
    backend = Backend()
    backend.gate = asyncio.Event()
    query = asked(0, 1_000_000)
    async with asyncio.TaskGroup() as group:
        first = group.create_task(one.answer(query, 0, 2_000_000, backend.fetch))
        await asyncio.sleep(0)
        second = group.create_task(one.answer(query, 0, 2_000_000, backend.fetch))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.sleep(0)
        backend.gate.set()

    assert second.result() == backend.answer(0, 1_000_000, QUERY.step)


async def test_what_the_backend_raises_is_raised_and_nothing_is_kept() -> None:
    one, _ = cache()

    async def fail(start: int, end: int) -> bytes:
        raise RuntimeError(f"{start} {end}")

    with pytest.raises(RuntimeError):
        await one.answer(asked(0, 1_000_000), 0, 2_000_000, fail)
    backend = Backend()
    await one.answer(asked(0, 1_000_000), 0, 2_000_000, backend.fetch)
    assert backend.asked == [(0, 1_000_000)]


class Shared:
    """A store that other gateways see."""

    def __init__(self) -> None:
        self.records: dict[str, bytes] = {}
        self.written = 0

    async def get(self, names: Sequence[str]) -> list[bytes | None]:
        return [self.records.get(name) for name in names]

    def put(self, records: Mapping[str, bytes]) -> None:
        self.records.update(records)
        self.written += len(records)


def sharing(shared: Shared) -> RangeCache:
    return RangeCache(
        Memory(10_000_000), shared, fresh_ms=FRESH, keep_ms=KEEP, count=lambda *_: None
    )


async def test_a_gateway_answers_from_what_another_was_answered() -> None:
    shared = Shared()
    backend = Backend()
    query = asked(0, 1_000_000)
    first = await sharing(shared).answer(query, 0, 2_000_000, backend.fetch)
    other = sharing(shared)

    assert await other.answer(query, 0, 2_000_000, backend.fetch) == first
    assert backend.asked == [(0, 1_000_000)]
    shared.records.clear()
    assert await other.answer(query, 0, 2_000_000, backend.fetch) == first
    assert backend.asked == [(0, 1_000_000)]  # it was taken into memory


async def test_what_others_know_less_of_is_not_taken() -> None:
    shared = Shared()
    backend = Backend()
    await sharing(shared).answer(asked(0, 100_000), 0, 2_000_000, backend.fetch)
    less = dict(shared.records)
    one = sharing(shared)
    await one.answer(asked(0, 400_000), 0, 2_000_000, backend.fetch)
    shared.records.update(less)

    await one.answer(asked(0, 600_000), 0, 2_000_000, backend.fetch)

    assert backend.asked == [(0, 100_000), (110_000, 400_000), (410_000, 600_000)]


async def test_a_record_is_not_written_anew_for_every_step() -> None:
    shared = Shared()
    one = sharing(shared)
    backend = Backend()
    for now in range(100_000_000, 100_800_000, 10_000):
        await one.answer(asked(now - 3_600_000, now), 0, now, backend.fetch)

    assert shared.written < 30


async def test_a_store_that_holds_nonsense_costs_speed_only() -> None:
    shared = Shared()
    backend = Backend()
    query = asked(0, 100_000)
    await sharing(shared).answer(query, 0, 2_000_000, backend.fetch)
    for nonsense in (b"", b"nonsense", *shared.records.values()):
        shared.records = dict.fromkeys(shared.records, nonsense[: len(nonsense) - 1])

        found = await sharing(shared).answer(query, 0, 2_000_000, backend.fetch)

        assert found == backend.answer(0, 100_000, QUERY.step)


async def test_what_was_kept_for_long_is_asked_for_again() -> None:
    one, _ = cache()
    backend = Backend()
    query = asked(0, 1_000_000)
    for now in (2_000_000, KEEP, KEEP + 2_000_000, KEEP + 3_000_000):
        await one.answer(query, 0, now, backend.fetch)

    assert len(backend.asked) == 2


async def test_a_limit_cuts_the_answer_and_not_what_is_kept() -> None:
    one, _ = cache()
    backend = Backend()
    query = asked(0, 1_000_000)

    cut = await one.answer(query, 1, 2_000_000, backend.fetch)
    whole = await one.answer(query, 0, 2_000_000, backend.fetch)

    assert len(msgspec.json.decode(cut)["data"]["result"]) == 1
    assert whole == backend.answer(0, 1_000_000, QUERY.step)
    assert len(backend.asked) == 1
