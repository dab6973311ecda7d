"""Start and stop the loops so that they are those of the assignment."""

import asyncio
import logging
from collections.abc import Callable, Collection

from tenantry_common import tasks
from writer.assign import Assignment, Lane
from writer.deliver_loop import DeliverLoop
from writer.tally import Tally

_log = logging.getLogger(__name__)


class Lanes:
    """The running loops; `make` builds one. `run` owns their tasks."""

    def __init__(self, make: Callable[[Lane], DeliverLoop]) -> None:
        self._make = make
        self._group: asyncio.TaskGroup | None = None
        self._drained = asyncio.Event()
        self._running: dict[Lane, tuple[DeliverLoop, asyncio.Task[None]]] = {}
        self._ending: set[Lane] = set()

    @property
    def tallies(self) -> Collection[Tally]:
        """What was done on the lanes that are not about to end."""
        return [loop.tally for lane, (loop, _) in self._running.items() if lane not in self._ending]

    async def run(self) -> None:
        """Let loops live; return after `drain`. A loop that fails ends this with its error."""
        async with asyncio.TaskGroup() as self._group:
            await self._drained.wait()

    def apply(self, assignment: Assignment) -> None:
        """Stop the lanes that are not wanted any more, start those that are missing.

        A lane that went to another instance drains; one that nobody may deliver on any more is
        cancelled at once. A lane that is wanted again while it ends starts with a later call.
        """
        for lane, (loop, task) in self._running.items():
            if not assignment.permits(lane):
                self._ending.add(lane)
                task.cancel()
            elif lane not in assignment.lanes and lane not in self._ending:
                self._ending.add(lane)
                loop.drain()
        for lane in assignment.lanes - self._running.keys():
            self._start(lane)

    async def drain(self) -> None:
        """Drain all lanes and wait until they have ended."""
        running = list(self._running.values())
        for loop, _ in running:
            loop.drain()
        if running:
            await asyncio.wait([task for _, task in running])
        self._drained.set()

    def _start(self, lane: Lane) -> None:
        if self._group is None:
            raise RuntimeError("lanes are applied before they run")
        loop = self._make(lane)
        task = tasks.spawn(self._group, f"lane {lane.consumer}", loop.run())
        self._running[lane] = (loop, task)
        task.add_done_callback(lambda _: self._ended(lane))
        _log.debug("lane started", extra={"lane": lane.consumer})

    def _ended(self, lane: Lane) -> None:
        del self._running[lane]
        self._ending.discard(lane)
        _log.debug("lane ended", extra={"lane": lane.consumer})
