"""Start and stop shard loops, so that those run that this instance prefers.

Level-triggered: whenever jobs, sources or members change, everything is compared anew.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from functools import partial

from collector import assign
from collector.assign import HaSet
from collector.replicas import Work
from collector.shard_loop import ShardLoop
from tenantry_common import contracts, kv, leases, subjects, tasks
from tenantry_common.subjects import ShardRef

_log = logging.getLogger(__name__)


class Shards:
    """The running loops; `make` builds one, given its shard and what tells it its work."""

    def __init__(
        self,
        instance: str,
        jobs: kv.KvView[contracts.DeliveryJob],
        backends: kv.KvView[contracts.Backend],
        holders: kv.KvView[contracts.LeaseHolder],
        make: Callable[[ShardRef, Callable[[], Work | None]], ShardLoop],
    ) -> None:
        self._instance = instance
        self._jobs = jobs
        self._backends = backends
        self._holders = holders
        self._make = make
        self._sets: Mapping[str, HaSet] = {}
        self._running: dict[ShardRef, tuple[ShardLoop, asyncio.Task[None]]] = {}
        self._changed = asyncio.Event()

    @property
    def loops(self) -> Mapping[ShardRef, ShardLoop]:
        """The loops that run now."""
        return {shard: loop for shard, (loop, _) in self._running.items()}

    async def run(self) -> None:
        """Follow for ever, once everything has been read; end all loops when cancelled."""
        async with asyncio.TaskGroup() as group:
            tasks.spawn(group, "follow jobs", self._follow(self._jobs))
            tasks.spawn(group, "follow backends", self._follow(self._backends))
            tasks.spawn(group, "follow members", self._follow(self._holders))
            try:
                while True:
                    self._changed.clear()
                    if all(v.version for v in (self._jobs, self._backends, self._holders)):
                        await self._reconcile(group)
                    await self._changed.wait()
            finally:
                await self._stop(frozenset(self._running))

    async def _follow[T](self, view: kv.KvView[T]) -> None:
        version = 0
        while True:
            version = await view.newer(version)
            self._changed.set()

    async def _reconcile(self, group: asyncio.TaskGroup) -> None:
        self._sets = assign.ha_sets(self._backends.snapshot.values())
        wanted = assign.preferred(
            self._jobs.snapshot,
            self._sets,
            leases.members(self._holders.snapshot, "collector"),
            self._instance,
        )
        await self._stop(self._running.keys() - wanted)
        for loop, _ in self._running.values():
            loop.wake()
        for shard in sorted(wanted - self._running.keys()):
            loop = self._make(shard, partial(self.work, shard))
            task = tasks.spawn(group, f"shard {shard}", loop.run())
            self._running[shard] = (loop, task)

    def work(self, shard: ShardRef) -> Work | None:
        """Return what a shard is collected from and for; None when one of them is gone."""
        job = self._jobs.snapshot.get(subjects.job_key(shard.job))
        ha_set = self._sets.get(shard.shard)
        if job is None or ha_set is None:
            return None
        return Work(job=job, ha_set=ha_set)

    async def _stop(self, shards: frozenset[ShardRef] | set[ShardRef]) -> None:
        """End these loops together; each gives its lease back."""
        ending = [self._running.pop(shard)[1] for shard in shards]
        for task in ending:
            task.cancel()
        if ending:
            await asyncio.wait(ending)
