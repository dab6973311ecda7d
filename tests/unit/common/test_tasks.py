"""Loops go on after an error; cancelled tasks are waited for."""

import asyncio

import pytest

from tenantry_common import tasks


async def test_a_failing_step_is_counted_and_tried_again() -> None:
    attempts: list[int] = []
    failures: list[str] = []
    done = asyncio.Event()

    async def step() -> None:
        attempts.append(1)
        if len(attempts) < 3:
            raise OSError("no")
        done.set()
        await asyncio.sleep(3600)

    task = asyncio.get_running_loop().create_task(
        tasks.forever("t", step, on_error=lambda: failures.append("x"), first_delay=0.001)
    )
    await asyncio.wait_for(done.wait(), 5)
    await tasks.cancel(task)

    assert (len(attempts), failures, task.cancelled()) == (3, ["x", "x"], True)


async def test_a_task_that_fails_while_it_is_cancelled_is_reported(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def stubborn() -> None:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            raise RuntimeError("while closing") from None

    task = asyncio.get_running_loop().create_task(stubborn(), name="stubborn")
    await asyncio.sleep(0)
    await tasks.cancel(task)

    assert [vars(r)["task"] for r in caplog.records] == ["stubborn"]


async def test_a_spawned_task_is_named_and_kept() -> None:
    async def work() -> int:
        return 3

    async with asyncio.TaskGroup() as group:
        task = tasks.spawn(group, "work", work())

    assert (task.get_name(), task.result()) == ("work", 3)


async def test_work_is_cancelled_when_the_event_is_set_and_cleans_up() -> None:
    stopping = asyncio.Event()
    steps: list[str] = []

    async def work() -> None:
        try:
            stopping.set()
            await asyncio.sleep(3600)
        finally:
            steps.append("cleaned up")

    await asyncio.wait_for(tasks.until(stopping, work()), 5)

    assert steps == ["cleaned up"]


async def test_work_that_fails_is_not_waited_for() -> None:
    async def work() -> None:
        raise OSError("no")

    with pytest.raises(ExceptionGroup) as raised:
        await asyncio.wait_for(tasks.until(asyncio.Event(), work()), 5)

    assert [str(error) for error in raised.value.exceptions] == ["no"]
