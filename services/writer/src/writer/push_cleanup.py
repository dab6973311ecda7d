"""Delete groups at Pushgateways whose job is gone, whoever pushed them and whenever.

What was pushed is noted in KV `pushes` before the first push, so a job that went while no writer
ran is cleaned up as well. A group is deleted at once, and again when no request of the job can be
under way any more; only then is the note deleted.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Protocol

from tenantry_common import bus, contracts, errors, kv, leases, logs, rendezvous, subjects, tasks
from tenantry_common.contracts import Endpoint, PushGroup
from writer import outcome

_log = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0
_REPEAT_LOG_SECONDS = 60.0


class Target(Protocol):
    """Where a group is."""

    async def delete(self) -> outcome.Outcome:
        """Delete the group."""


def orphans(
    noted: Mapping[str, PushGroup], jobs: Iterable[contracts.DeliveryJob]
) -> dict[str, PushGroup]:
    """Return the groups that no job pushes to any more; pure."""
    wanted = {_place(endpoint) for job in jobs for endpoint in job.endpoints}
    return {key: group for key, group in noted.items() if _place(group.endpoint) not in wanted}


def _place(endpoint: Endpoint) -> tuple[str, str]:
    return endpoint.url.rstrip("/"), endpoint.push_job


class Cleanup:
    """Compares the notes with the jobs, once a second."""

    def __init__(
        self,
        connection: bus.Bus,
        instance: str,
        jobs: kv.KvView[contracts.DeliveryJob],
        holders: kv.KvView[contracts.LeaseHolder],
        target: Callable[[PushGroup], Target],
        *,
        again_after: float,
        on_error: Callable[[], None],
    ) -> None:
        self._bus = connection
        self._instance = instance
        self._jobs = jobs
        self._holders = holders
        self._target = target
        self._again_after = again_after
        self._on_error = on_error
        self._notes = kv.KvView(connection, subjects.PUSHES, contracts.decode_push)
        self._since: dict[str, float] = {}
        self._throttle = logs.Throttle(_REPEAT_LOG_SECONDS)

    async def run(self) -> None:
        """Clean up for ever, once the jobs are known."""
        async with asyncio.TaskGroup() as group:
            tasks.spawn(group, "push notes", self._notes.run())
            await self._jobs.newer(0)
            await self._notes.newer(0)
            await tasks.forever("push cleanup", self._step, on_error=self._on_error)

    async def _step(self) -> None:
        noted = self._notes.snapshot
        found = orphans(noted, self._jobs.snapshot.values()) if noted else {}
        self._since = {key: since for key, since in self._since.items() if key in found}
        members = {*leases.members(self._holders.snapshot, "writer"), self._instance}
        for key in self._due(found, members):
            await self._delete(key, found[key])
        await asyncio.sleep(_LOOK_SECONDS)

    def _due(self, found: Collection[str], members: Collection[str]) -> list[str]:
        """Return the keys of this instance's orphans that are new, or to be deleted again."""
        now = asyncio.get_running_loop().time()
        return [
            key
            for key in found
            if self._instance in rendezvous.owners(key, members)
            and now - self._since.get(key, -self._again_after + now) >= self._again_after
        ]

    async def _delete(self, key: str, group: PushGroup) -> None:
        fields = {"tenant": group.tenant, "job": group.job, "endpoint": group.endpoint.id}
        result = await self._target(group).delete()
        if isinstance(result, outcome.Delivered):
            if key not in self._since:
                self._since[key] = asyncio.get_running_loop().time()
                _log.info("group deleted, its job is gone", extra=fields)
                return
            try:
                await kv.delete(self._bus, subjects.PUSHES, key)
            except errors.BusUnavailable as error:
                _log.debug("note not deleted", extra={**fields, "error": str(error)})
        elif self._throttle.allow(key):
            _log.warning("group cannot be deleted", extra={**fields, "reason": result.reason})
