"""A memory holds what was found for as long as it may, and asks once for all."""

import asyncio

import pytest

from tenantry_common.credential_memory import Memory


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_what_was_put_in_is_there_until_its_time_is_over() -> None:
    clock = Clock()
    memory: Memory[str] = Memory(now=clock)
    memory.put("token", "alice", 10)

    clock.now = 9.9
    before = memory.get("token"), memory.get("another")
    clock.now = 10.0

    assert (before, memory.get("token"), len(memory)) == (("alice", None), None, 0)


async def test_the_oldest_makes_room() -> None:
    memory: Memory[int] = Memory(2)
    for number, name in enumerate("abc"):
        memory.put(name, number, 10)

    assert [memory.get(name) for name in "abc"] == [None, 1, 2]


async def test_a_false_answer_is_remembered_too() -> None:
    memory: Memory[bool] = Memory()
    asked = 0

    async def check() -> tuple[bool, float]:
        nonlocal asked
        asked += 1
        return False, 10

    assert [await memory.find("x", check) for _ in range(2)] == [False, False]
    assert asked == 1


async def test_credentials_are_not_kept() -> None:
    memory: Memory[int] = Memory()
    memory.put("hunter2", 1, 10)

    assert "hunter2" not in repr(vars(memory))


async def test_requests_at_the_same_time_wait_for_one_check() -> None:
    memory: Memory[str] = Memory()
    asked = 0
    answer = asyncio.Event()

    async def check() -> tuple[str, float]:
        nonlocal asked
        asked += 1
        await answer.wait()
        return "alice", 10

    async with asyncio.TaskGroup() as group:
        found = [group.create_task(memory.find("x", check)) for _ in range(5)]
        await asyncio.sleep(0)
        answer.set()

    assert ([task.result() for task in found], asked) == (["alice"] * 5, 1)


async def test_what_fails_fails_for_all_who_wait_and_is_not_remembered() -> None:
    memory: Memory[str] = Memory()
    answer = asyncio.Event()

    async def check() -> tuple[str, float]:
        await answer.wait()
        raise LookupError

    async def ask() -> str:
        with pytest.raises(LookupError):
            await memory.find("x", check)
        return "failed"

    async with asyncio.TaskGroup() as group:
        found = [group.create_task(ask()) for _ in range(3)]
        await asyncio.sleep(0)
        answer.set()

    assert [task.result() for task in found] == ["failed"] * 3
    assert memory.get("x") is None


async def test_when_the_one_who_asks_goes_away_another_asks() -> None:
    memory: Memory[str] = Memory()
    asked: asyncio.Queue[asyncio.Event] = asyncio.Queue()

    async def check() -> tuple[str, float]:
        answer = asyncio.Event()
        asked.put_nowait(answer)
        await answer.wait()
        return "alice", 10

    async with asyncio.TaskGroup() as group, asyncio.timeout(5):
        first = group.create_task(memory.find("x", check))
        second = group.create_task(memory.find("x", check))
        await asked.get()
        first.cancel()
        (await asked.get()).set()

    assert second.result() == "alice"


async def test_what_is_checked_while_the_memory_is_cleared_is_not_remembered() -> None:
    memory: Memory[str] = Memory()
    answer = asyncio.Event()

    async def check() -> tuple[str, float]:
        await answer.wait()
        return "alice", 10

    async with asyncio.TaskGroup() as group:
        found = group.create_task(memory.find("x", check))
        await asyncio.sleep(0)
        memory.clear()
        answer.set()

    assert (found.result(), memory.get("x")) == ("alice", None)
