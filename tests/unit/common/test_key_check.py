"""A secret is hashed once while it is remembered, and wrong ones cannot keep everything waiting."""

import asyncio
import threading
from collections.abc import Callable

import pytest

from tenantry_common.key_check import Busy, KeyCheck


def _answering(asked: list[str], *, right: bool) -> Callable[[str, str], bool]:
    def fits(hashed: str, _: str) -> bool:
        asked.append(hashed)
        return right

    return fits


async def test_a_right_secret_is_hashed_once_for_its_entry_only() -> None:
    asked: list[str] = []
    check: KeyCheck[object] = KeyCheck(_answering(asked, right=True))
    first, second = object(), object()

    assert await check.is_right(first, "h1", "key", "s")
    assert await check.is_right(first, "h1", "key", "s")
    assert await check.is_right(second, "h2", "key", "s")
    assert asked == ["h1", "h2"]


async def test_a_wrong_secret_is_remembered_until_everything_is_forgotten() -> None:
    asked: list[str] = []
    check: KeyCheck[object] = KeyCheck(_answering(asked, right=False))
    entry = object()

    found = [await check.is_right(entry, "h", "key", "s") for _ in range(2)]
    check.forget()
    found.append(await check.is_right(entry, "h", "key", "s"))

    assert (found, len(asked)) == ([False, False, False], 2)


async def test_a_flood_of_secrets_is_turned_away() -> None:
    gate = threading.Event()
    check: KeyCheck[object] = KeyCheck(lambda hashed, secret: gate.wait(10))
    async with asyncio.TaskGroup() as group:
        waiting = [
            group.create_task(check.is_right(check, "h", f"key {n}", "s")) for n in range(50)
        ]
        await asyncio.sleep(0)
        with pytest.raises(Busy):
            await check.is_right(check, "h", "one more", "s")
        gate.set()

    assert all(task.result() for task in waiting)
