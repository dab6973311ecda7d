"""Try one after the other until one succeeds; when one takes long, try the next beside it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator


class Unsuccessful(Exception):
    """An attempt came to nothing. The next one may do better."""


class Exhausted(Exception):
    """No attempt is left."""


class Hedged[C, T]:
    """A row of attempts of which one result is taken.

    The first runs in the caller's own task, so that nothing is paid for what is not slow. What was
    begun is ended before the result is returned; a result that nobody takes is given to `discard`.
    """

    def __init__(
        self,
        candidates: Iterator[C],
        attempt: Callable[[C], Awaitable[T]],
        *,
        patience: float,
        slow: Callable[[C], None],
        discard: Callable[[T], None],
    ) -> None:
        """Begin the next of `candidates` after `patience` seconds without a result of the one before.

        `attempt` raises `Unsuccessful` where the next one shall be tried; everything else that it
        raises is final. `slow` is told of each that was overtaken.
        """
        self._candidates = candidates
        self._attempt = attempt
        self._patience = patience
        self._slow = slow
        self._discard = discard

    async def result(self) -> T:
        """Return the first result. Raises `Exhausted`, and what an attempt raises."""
        for candidate in self._candidates:
            try:
                return await self._beside_others(candidate)
            except Unsuccessful:
                continue
        raise Exhausted

    async def _beside_others(self, candidate: C) -> T:
        """Return the result of a candidate, or of one behind it that is faster. Raises `Unsuccessful`."""
        loop = asyncio.get_running_loop()
        others: asyncio.Task[T] | None = None

        def ended(task: asyncio.Task[T]) -> None:
            if waiting and not task.cancelled() and not isinstance(task.exception(), Exhausted):
                overtaken.reschedule(loop.time())

        def begin() -> None:
            nonlocal others
            others = loop.create_task(self.result(), name="hedge")
            others.add_done_callback(ended)

        waiting = True
        overtaken = asyncio.timeout(None)
        timer = loop.call_later(self._patience, begin)
        try:
            async with overtaken:
                return await self._attempt(candidate)
        except TimeoutError:
            if not overtaken.expired() or others is None:
                raise
            self._slow(candidate)
            taken, others = others, None
            return taken.result()
        except Unsuccessful:
            if others is None:
                raise
            waiting = False
            result = await asyncio.shield(others)
            others = None
            return result
        finally:
            waiting = False
            timer.cancel()
            if others is not None:
                await self._end(others)

    async def _end(self, task: asyncio.Task[T]) -> None:
        """End attempts whose result is not wanted any more."""
        task.cancel()
        await asyncio.wait((task,))
        if not task.cancelled() and task.exception() is None:
            self._discard(task.result())
