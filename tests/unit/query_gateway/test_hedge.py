"""Attempts, one after the other and beside one another."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

import pytest

from query_gateway.hedge import Exhausted, Hedged, Unsuccessful


class Row:
    """Attempts that do what a test tells them."""

    def __init__(self, patience: float = 30.0, **attempts: Callable[[], Awaitable[str]]) -> None:
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.slow: list[str] = []
        self.discarded: list[str] = []
        self._attempts = attempts
        self._patience = patience

    async def _attempt(self, name: str) -> str:
        self.begun.append(name)
        try:
            return await self._attempts[name]()
        finally:
            self.ended.append(name)

    async def result(self, names: Iterable[str] = ()) -> str:
        hedged = Hedged(
            iter(list(names or self._attempts)),
            self._attempt,
            patience=self._patience,
            slow=self.slow.append,
            discard=self.discarded.append,
        )
        async with asyncio.timeout(20):
            return await hedged.result()


async def never() -> str:
    await asyncio.Event().wait()
    raise AssertionError


async def fails() -> str:
    raise Unsuccessful


def says(text: str) -> Callable[[], Awaitable[str]]:
    async def say() -> str:
        return text

    return say


def after(
    event: asyncio.Event, attempt: Callable[[], Awaitable[str]]
) -> Callable[[], Awaitable[str]]:
    async def wait() -> str:
        await event.wait()
        return await attempt()

    return wait


async def test_the_first_result_counts_and_nothing_else_is_begun() -> None:
    row = Row(a=says("a"), b=says("b"))

    assert (await row.result(), row.begun) == ("a", ["a"])


async def test_the_next_is_tried_when_one_comes_to_nothing() -> None:
    row = Row(a=fails, b=says("b"))

    assert (await row.result(), row.begun) == ("b", ["a", "b"])


async def test_when_all_come_to_nothing_that_is_said() -> None:
    with pytest.raises(Exhausted):
        await Row(a=fails, b=fails).result()


async def test_another_error_is_final() -> None:
    async def broken() -> str:
        raise LookupError

    row = Row(a=broken, b=says("b"))
    with pytest.raises(LookupError):
        await row.result()

    assert row.begun == ["a"]


async def test_one_that_takes_long_is_overtaken_and_ended() -> None:
    row = Row(patience=0.01, a=never, b=says("b"))

    assert await row.result() == "b"
    assert (row.slow, row.ended) == (["a"], ["b", "a"])


async def test_a_slow_one_counts_when_it_is_faster_after_all() -> None:
    other_begun = asyncio.Event()

    async def second() -> str:
        other_begun.set()
        return await never()

    row = Row(patience=0.01, a=after(other_begun, says("a")), b=second)

    assert await row.result() == "a"
    assert (row.slow, sorted(row.ended)) == ([], ["a", "b"])


async def test_a_slow_one_goes_on_when_nothing_is_left_beside_it() -> None:
    last_failed = asyncio.Event()

    async def last() -> str:
        last_failed.set()
        raise Unsuccessful

    row = Row(patience=0.01, a=after(last_failed, says("a")), b=last)

    assert (await row.result(), row.begun, row.slow) == ("a", ["a", "b"], [])


async def test_a_slow_one_that_fails_leaves_it_to_those_beside_it() -> None:
    other_begun, first_failed = asyncio.Event(), asyncio.Event()

    async def first() -> str:
        await other_begun.wait()
        first_failed.set()
        raise Unsuccessful

    async def second() -> str:
        other_begun.set()
        await first_failed.wait()
        return "b"

    row = Row(patience=0.01, a=first, b=second)

    assert (await row.result(), row.begun) == ("b", ["a", "b"])


async def test_an_error_beside_a_slow_one_is_final() -> None:
    async def broken() -> str:
        raise LookupError

    row = Row(patience=0.01, a=never, b=broken)
    with pytest.raises(LookupError):
        await row.result()

    assert row.ended == ["b", "a"]


async def test_a_result_that_comes_too_late_is_discarded() -> None:
    other_begun = asyncio.Event()

    async def stubborn() -> str:
        other_begun.set()
        try:
            return await never()
        except asyncio.CancelledError:
            return "b"  # it had come when the end was asked for

    row = Row(patience=0.01, a=after(other_begun, says("a")), b=stubborn)

    assert (await row.result(), row.discarded) == ("a", ["b"])


async def test_whoever_gives_up_ends_all_attempts() -> None:
    other_begun = asyncio.Event()

    async def second() -> str:
        other_begun.set()
        return await never()

    row = Row(patience=0.01, a=never, b=second)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(row.result())
        await other_begun.wait()
        waiting.cancel()

    assert waiting.cancelled()
    assert sorted(row.ended) == ["a", "b"]
