"""Keep the lanes in step with the jobs, the shards on the stream and the live writers.

Level-triggered: any change, and every look at the stream, ends in the same computation
(`assign.assign`) over all that is known.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence

from tenantry_common import batches, bus, contracts, errors, kv, leases, logs, subjects, tasks
from tenantry_common.subjects import ShardRef
from writer import allow
from writer.assign import Assignment, assign

_log = logging.getLogger(__name__)

_LOOK_SECONDS = 2.0
_REPEAT_LOG_SECONDS = 60.0


class Dispatch:
    """Computes the assignment and hands it to `apply` whenever something changed."""

    def __init__(
        self,
        connection: bus.Bus,
        instance: str,
        jobs: kv.KvView[contracts.DeliveryJob],
        holders: kv.KvView[contracts.LeaseHolder],
        allowed: Sequence[allow.Pattern],
        apply: Callable[[Assignment], None],
    ) -> None:
        self.assignment = Assignment()
        self._bus = connection
        self._instance = instance
        self._jobs = jobs
        self._holders = holders
        self._allowed = allowed
        self._apply = apply
        self._shards: frozenset[ShardRef] = frozenset()
        self._changed = asyncio.Event()
        self._throttle = logs.Throttle(_REPEAT_LOG_SECONDS)

    async def run(self) -> None:
        """Follow for ever, once the jobs are known."""
        await self._jobs.newer(0)
        async with asyncio.TaskGroup() as group:
            tasks.spawn(group, "follow jobs", self._follow(self._jobs))
            tasks.spawn(group, "follow members", self._follow(self._holders))
            tasks.spawn(group, "look at the stream", self._look_at_stream())
            while True:
                self._changed.clear()
                self._compute()
                await self._changed.wait()

    def _compute(self) -> None:
        self.assignment = assign(
            self._jobs.snapshot.values(),
            self._shards,
            leases.members(self._holders.snapshot, "writer"),
            self._instance,
            self._allowed,
        )
        self._apply(self.assignment)

    async def _follow[T](self, view: kv.KvView[T]) -> None:
        version = 0
        while True:
            version = await view.newer(version)
            self._changed.set()

    async def _look_at_stream(self) -> None:
        """See which shards have batches; keep what was seen last while NATS is away."""
        while True:
            try:
                found = await batches.subjects_of(
                    self._bus, subjects.SAMPLES, subjects.SAMPLES_SUBJECTS
                )
            except errors.BusUnavailable as error:
                if self._throttle.allow("shards"):
                    _log.warning("shards are not known", extra={"error": str(error)})
            else:
                self._shards = frozenset(subjects.parse_samples(subject) for subject in found)
                self._changed.set()
            await asyncio.sleep(_LOOK_SECONDS)
