"""Keep a set of child processes: start them, watch them, stop them in reverse order."""

import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tenantry_common import tasks
from tenantry_local.server import Child

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Exit:
    """A child ended although nobody asked it to."""

    name: str
    returncode: int
    """Its exit status, negative for a signal."""


class Supervisor:
    """Owns children from their start to their end, which comes at the end of `async with`.

    A child that dies is reported and never restarted by itself: in a test that would hide the fault,
    and on a laptop the person in front of it decides.
    """

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir
        self._batches: list[tuple[Child, ...]] = []
        self._watchers: dict[str, asyncio.Task[None]] = {}
        self._exits: asyncio.Queue[Exit] = asyncio.Queue()
        self._group = asyncio.TaskGroup()

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            await self._stop_all()
        finally:
            for watcher in self._watchers.values():  # some are left when stopping was interrupted
                watcher.cancel()
            # Without the error, which the group would wrap: it is the caller's, not a watcher's.
            await self._group.__aexit__(None, None, None)

    def __getitem__(self, name: str) -> Child:
        """Return the child of that name."""
        for batch in self._batches:
            for child in batch:
                if child.name == name:
                    return child
        raise KeyError(name)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all children, in the order in which they were started."""
        return tuple(child.name for batch in self._batches for child in batch)

    def log(self, name: str) -> Path:
        """Return the file for the output of the child of that name."""
        return self.run_dir / f"{name}.log"

    async def start(self, *children: Child) -> None:
        """Start children side by side and return when all are ready.

        When one fails, those that are not ready yet are ended, and its error is raised.
        """
        for child in children:
            if child.name in self.names:
                raise ValueError(f"there is a child named {child.name} already")
        self._batches.append(children)
        try:
            async with asyncio.TaskGroup() as group:
                for child in children:
                    tasks.spawn(group, f"start {child.name}", self._start(child))
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None  # the first: it cancelled the others

    async def restart(self, name: str) -> None:
        """Stop the child in good order, if it runs, and start it again."""
        await self.stop(name)
        await self._start(self[name])

    async def stop(self, name: str) -> None:
        """Stop the child in good order; this is not reported as an exit."""
        await self._unwatch(name)
        if self[name].running:
            await self[name].terminate()

    async def kill(self, name: str) -> None:
        """End the child as a crash would; this is not reported as an exit."""
        await self._unwatch(name)
        if self[name].running:
            await self[name].kill()

    async def next_exit(self) -> Exit:
        """Wait until a child ends unexpectedly; each such end is returned once."""
        return await self._exits.get()

    async def _start(self, child: Child) -> None:
        await child.start()
        _log.debug("child started", extra={"child": child.name})
        self._watchers[child.name] = tasks.spawn(
            self._group, f"watch {child.name}", self._watch(child)
        )

    async def _watch(self, child: Child) -> None:
        returncode = await child.wait()
        _log.warning("child ended", extra={"child": child.name, "returncode": returncode})
        self._exits.put_nowait(Exit(name=child.name, returncode=returncode))

    async def _unwatch(self, name: str) -> None:
        if (watcher := self._watchers.pop(name, None)) is not None:
            await tasks.cancel(watcher)

    async def _stop_all(self) -> None:
        for batch in reversed(self._batches):
            async with asyncio.TaskGroup() as group:
                for child in batch:
                    tasks.spawn(group, f"stop {child.name}", self.stop(child.name))
