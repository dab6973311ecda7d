"""Start tasks that are named, kept, and never end unnoticed."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from tenantry_common import backoff

_log = logging.getLogger(__name__)


def spawn[T](
    group: asyncio.TaskGroup, name: str, coroutine: Coroutine[Any, Any, T]
) -> asyncio.Task[T]:
    """Start `coroutine` in `group` under `name`; the group keeps and awaits it."""
    return group.create_task(coroutine, name=name)


async def cancel(task: asyncio.Task[Any]) -> None:
    """Cancel `task` and wait until it has ended, whatever it ends with."""
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error(
            "task failed while it was stopped", extra={"task": task.get_name()}, exc_info=error
        )


async def until(event: asyncio.Event, coroutine: Coroutine[Any, Any, None]) -> None:
    """Run `coroutine` until `event` is set, then cancel it and wait until it has cleaned up.

    For services that have nothing to drain. What the coroutine fails with is raised in a group.
    """
    async with asyncio.TaskGroup() as group:
        work = spawn(group, "work", coroutine)
        stop = spawn(group, "wait for the end", event.wait())
        await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)
        work.cancel()
        stop.cancel()


async def forever(
    name: str,
    step: Callable[[], Coroutine[Any, Any, None]],
    *,
    on_error: Callable[[], None] = lambda: None,
    first_delay: float = 0.1,
    max_delay: float = 10.0,
) -> None:
    """Run `step` again and again; an exception is logged, counted and followed by a pause.

    The pause grows while steps go on failing. Never returns; ends only by cancellation.
    """
    delays = backoff.delays(first_delay, max_delay)
    while True:
        try:
            await step()
        except Exception:  # the top of a loop: one failed round must not end the service
            _log.exception("step failed, trying again", extra={"task": name})
            on_error()
            await asyncio.sleep(next(delays))
        else:
            delays = backoff.delays(first_delay, max_delay)
