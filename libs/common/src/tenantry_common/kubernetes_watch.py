"""Follow all objects of a kind: list, then watch, for ever, whatever the API server does.

Level-triggered: readers look at `objects`, and are told when to look. An error is never emptiness:
what is known changes only by a complete list or by an event. Lists are read in pages and watches
resumed at the last resourceVersion; 410 Gone, over HTTP or inside the stream, means to list again;
a periodic list makes certain what the events make quick; a connection that says nothing, not even
the bookmarks that were asked for, is given up.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections import ChainMap, Counter
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from tenantry_common import backoff, kubernetes, logs, tasks
from tenantry_common import kubernetes_answers as answers
from tenantry_common.kubernetes import Api, Failed, Gone, NotFound, Object, Resource
from tenantry_common.kubernetes_store import Change, Key, Store, version_of

_log = logging.getLogger(__name__)

_REPEAT_LOG_SECONDS = 60.0
_HEALTHY_SECONDS = 5.0  # a watch that lasted for this long was no failure


@dataclass(frozen=True, kw_only=True)
class Timing:
    """How long things may take. All but `page` in seconds."""

    watch: float = 55.0
    """After which the server ends a watch; it sends a bookmark about two seconds before."""
    silence: float = 75.0
    """After which a watch without any message is given up; above `watch`."""
    relist: float = 600.0
    """After which everything is listed again, as a safety net."""
    page: int = 500
    """Objects per answer of a list."""
    first_delay: float = 0.2
    """Pause after a first failure."""
    max_delay: float = 5.0
    """Longest pause after repeated failures."""
    absent: float = 30.0
    """Pause before it is looked again whether an optional kind has come to exist."""


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which objects of a kind."""

    namespaces: Collection[str] = ()
    """Names of namespaces; empty: all."""
    labels: str = ""
    """A `labelSelector` in Kubernetes' syntax."""
    fields: str = ""
    """A `fieldSelector`, such as ``metadata.name=x``."""


EVERYTHING = Selection()


class Watch:
    """All objects of one kind, as they are now. `on_change` must be quick and must not raise."""

    def __init__(
        self,
        api: Api,
        resource: Resource,
        on_change: Callable[[Sequence[Change]], None] = lambda changes: None,
        *,
        selection: Selection = EVERYTHING,
        optional: bool = False,
        timing: Timing = Timing(),
        rng: Callable[[], float] = random.random,
    ) -> None:
        """Prepare; nothing is asked before `run`.

        `on_change` gets what changed; nothing at all when only `synced` or `problem` did.
        `optional`: where the API server does not know the kind, there are no objects (a custom
        resource that need not be installed). Else that is a failure like any other.
        """
        self.counts: Counter[str] = Counter()
        """What happened: list, watch, event, stale (events of no news), gone, cut, failed."""
        self._resource = resource
        self._on_change = on_change
        self._synced = asyncio.Event()
        namespaces = sorted(set(selection.namespaces)) if resource.namespaced else []
        self._loops = [
            _Loop(
                api,
                resource,
                resource.path(namespace),
                _query(selection),
                self._told,
                self.counts,
                optional=optional,
                timing=timing,
                rng=rng,
            )
            for namespace in namespaces or [""]
        ]

    @property
    def objects(self) -> Mapping[Key, Object]:
        """Every object, by namespace and name. Not to be changed by the reader."""
        if len(self._loops) == 1:
            return self._loops[0].store.objects
        # A ChainMap wants mutable mappings, but writes only where its reader does.
        return ChainMap(*(loop.store.objects for loop in self._loops))  # type: ignore[arg-type]

    @property
    def synced(self) -> bool:
        """Whether everything was listed once."""
        return self._synced.is_set()

    @property
    def problem(self) -> str:
        """Why `objects` may be out of date; empty while all is well."""
        return next((loop.problem for loop in self._loops if loop.problem), "")

    async def wait_synced(self) -> None:
        """Wait until everything was listed once."""
        await self._synced.wait()

    async def run(self) -> None:
        """Follow, for ever."""
        async with asyncio.TaskGroup() as group:
            for loop in self._loops:
                tasks.spawn(group, f"watch {loop.path}", loop.run())

    def _told(self, changes: Sequence[Change]) -> None:
        if all(loop.synced for loop in self._loops):
            self._synced.set()
        self._on_change(changes)


def _query(selection: Selection) -> dict[str, str | int]:
    found: dict[str, str | int] = {}
    if selection.labels:
        found["labelSelector"] = selection.labels
    if selection.fields:
        found["fieldSelector"] = selection.fields
    return found


class _Loop:
    """The objects of one URL."""

    def __init__(
        self,
        api: Api,
        resource: Resource,
        path: str,
        query: kubernetes.Query,
        tell: Callable[[Sequence[Change]], None],
        counts: Counter[str],
        *,
        optional: bool,
        timing: Timing,
        rng: Callable[[], float],
    ) -> None:
        self.path = path
        self.store = Store()
        self.synced = False
        self.problem = ""
        self._api = api
        self._resource = resource
        self._query = query
        self._tell = tell
        self._counts = counts
        self._optional = optional
        self._timing = timing
        self._rng = rng
        self._version = ""
        """Where a watch goes on; empty: list first."""
        self._listed_at = float("-inf")
        self._fresh_delays()
        self._throttle = logs.Throttle(_REPEAT_LOG_SECONDS)

    async def run(self) -> None:
        """List and watch, for ever."""
        while True:
            try:
                await self._step()
            except Gone as error:
                self._version = ""
                self._counts["gone"] += 1
                _log.debug("watch too old", extra={"path": self.path, "error": str(error)})
                await self._pause(None)
            except Failed as error:
                if self._optional and isinstance(error, NotFound):
                    await self._absent()
                else:
                    self._failed(error)
                    await self._pause(error.retry_after)

    async def _step(self) -> None:
        """List if that is due, then follow until the watch ends."""
        if not self._version:
            await self._list()
        elif time.monotonic() >= self._listed_at + self._timing.relist:
            await self._list_again()
        began = time.monotonic()
        heard = await self._follow()
        if heard or time.monotonic() - began >= _HEALTHY_SECONDS:
            self._fresh_delays()
        else:
            await self._pause(None)  # a server that ends every watch at once is not asked at once

    async def _list_again(self) -> None:
        """List as a safety net; where that fails, the watch goes on without it."""
        try:
            await self._list()
        except Gone:
            raise
        except Failed as error:
            self._failed(error)
            self._listed_at = time.monotonic() - self._timing.relist * 0.9

    async def _list(self) -> None:
        try:
            items, version = await self._read_pages(self._timing.page)
        except Gone:
            # Reading took longer than the server keeps old states: all in one answer, then.
            self._counts["gone"] += 1
            items, version = await self._read_pages(0)
        self._counts["list"] += 1
        changes = self.store.replace(items, version)
        self._version = version
        self._listed_at = time.monotonic() - self._timing.relist * 0.2 * self._rng()
        self._well(changes)

    async def _read_pages(self, limit: int) -> tuple[list[Object], str]:
        """Return all items and their common version; nothing counts before the last page is there."""
        query: dict[str, str | int] = {**self._query, **({"limit": limit} if limit else {})}
        items: list[Object] = []
        while True:
            page = await self._api.call("GET", self.path, query=query)
            found, version, more = answers.read_list(page)
            items += found
            if not more:
                return items, version
            query["continue"] = more

    async def _follow(self) -> bool:
        """Watch until the server ends it or the next list is due; return whether it said anything."""
        seconds = self._timing.watch * (0.9 + 0.2 * self._rng())
        query: dict[str, str | int] = {
            **self._query,
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            "timeoutSeconds": max(1, int(seconds)),
        }
        opened = heard = False
        self._counts["watch"] += 1
        stream = self._api.lines(self.path, query, silence_seconds=self._timing.silence)
        try:
            async with stream as lines, _until(self._listed_at + self._timing.relist):
                opened = True
                self._well(())
                async for line in lines:
                    if line.strip():
                        self._event(line)
                        heard = True
        except _RelistDue:
            return True
        except Gone:
            raise
        except Failed as error:
            if not opened:
                raise
            # A connection that was cut, or said nothing for too long, is opened again: only if
            # that fails is something wrong.
            self._counts["cut"] += 1
            _log.debug("watch cut", extra={"path": self.path, "error": str(error)})
        return heard

    def _event(self, line: bytes) -> None:
        try:
            kind, item = answers.read_event(line)
            if kind == "ERROR":
                raise kubernetes.failure(item)
        except Failed:
            self._version = ""  # whatever this was about is read again
            raise
        version = version_of(item)
        if kind != "BOOKMARK":
            self._counts["event"] += 1
            change = self.store.remove(item) if kind == "DELETED" else self.store.put(item)
            if change is not None:
                self._tell((change,))
            else:
                self._counts["stale"] += 1
        if version:
            self._version = _newer(self._version, version)

    def _well(self, changes: Sequence[Change]) -> None:
        first = not self.synced
        was = self.problem
        self.synced = True
        self.problem = ""
        if was:
            _log.info("kubernetes api server answers again", extra={"path": self.path})
        if first or was or changes:
            self._tell(changes)

    async def _absent(self) -> None:
        """Take a kind that is not installed for one without objects, but never for a withdrawal."""
        self._version = ""
        self._well(())
        await asyncio.sleep(self._timing.absent)

    def _failed(self, error: Failed) -> None:
        self._counts["failed"] += 1
        if isinstance(error, NotFound):
            self._version = ""
        was = self.problem
        self.problem = f"{self.path}: {error}"
        if self._throttle.allow(self.problem):
            _log.warning(
                "kubernetes api server does not answer, keeping what is known",
                extra={"path": self.path, "error": str(error)},
            )
        if was != self.problem:
            self._tell(())

    def _fresh_delays(self) -> None:
        self._delays = backoff.delays(
            self._timing.first_delay, self._timing.max_delay, rng=self._rng
        )

    async def _pause(self, asked_for: float | None) -> None:
        delay = next(self._delays)
        if asked_for is not None:
            delay = max(delay, min(asked_for, self._timing.relist))
        await asyncio.sleep(delay)


class _RelistDue(Exception):
    """The periodic list is due while a watch is running."""


@contextlib.asynccontextmanager
async def _until(deadline: float) -> AsyncIterator[None]:
    """Run the body until `deadline` (monotonic seconds), then raise `_RelistDue`."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout_at(loop.time() + deadline - time.monotonic()) as scope:
            yield
    except TimeoutError:
        if scope.expired():
            raise _RelistDue from None
        raise


def _newer(one: str, other: str) -> str:
    """Return the newer of two versions; events may come in the wrong order."""
    if one.isdecimal() and other.isdecimal():
        return one if int(one) > int(other) else other
    return other
