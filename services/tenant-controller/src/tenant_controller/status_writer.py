"""Keep the status of every MetricAccess true, through the status subresource, without haste.

Only the leader writes. Level-triggered: whatever touches an object plans a look at it; the look
compares the status that it should have with the one it has, and writes the difference. A write
carries the version that it was made for: when the object changed meanwhile it is refused, and the
look at the newer one follows with the watch.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol

from tenant_controller import config, merge_patch, status, stored, transitions
from tenant_controller.cluster import METRIC_ACCESSES
from tenant_controller.compile import Compiled, Desired
from tenant_controller.metrics import Metrics
from tenant_controller.pace import Pace
from tenant_controller.reported import Reported
from tenant_controller.stored import Stored
from tenantry_common import kubernetes, leases, logs, tasks
from tenantry_common.kubernetes import Api, Conflict, Failed, NotFound, Object, Resource
from tenantry_common.kubernetes_store import Key
from tenantry_common.subjects import JobRef

_log = logging.getLogger(__name__)

EVENTS = Resource("events.k8s.io", "v1", "events")

_AT_ONCE = 16
_PUBLISHING_SECONDS = 3.0  # what publication may take before a status says that it lasts
_STANDBY_SECONDS = 1.0
_BUSY_SECONDS = 0.25
_FIELD_MANAGER = {"fieldManager": "tenantry-tenant-controller"}


class Published(Protocol):
    """Whether what an object means stands on NATS; a fake exists for tests."""

    def __call__(self, compiled: Compiled) -> bool:
        """Return it."""
        ...


class StatusWriter:
    """Writes status and Events of all objects of one cluster."""

    def __init__(
        self,
        api: Api,
        settings: config.Kubernetes,
        metrics: Metrics,
        *,
        objects: Callable[[], Mapping[Key, Object]],
        reported: Reported,
        published: Published,
        lease: leases.Lease,
        instance: str,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._api = api
        self._metrics = metrics
        self._objects = objects
        self._reported = reported
        self._published = published
        self._lease = lease
        self._instance = instance
        self._now = now
        self._pace = Pace(settings.status_seconds, settings.progress_seconds)
        self._second_per_write = 1.0 / settings.status_writes_per_second
        self._next_write = float("-inf")
        self._compiled: dict[Key, Compiled] = {}
        self._compiled_at: dict[Key, float] = {}
        self._waiting: set[Key] = set()
        """Objects of which something is not published yet."""
        self._wake = asyncio.Event()
        self._throttle = logs.Throttle(60)

    def offer(self, desired: Desired) -> None:
        """Take over what all objects mean."""
        now = time.monotonic()
        compiled = {
            (one.entry.validated.namespace, one.entry.validated.name): one
            for one in desired.objects
        }
        changed = [key for key, one in compiled.items() if self._compiled.get(key) is not one]
        for key in self._compiled.keys() - compiled.keys():
            self._pace.forget(key)
            self._compiled_at.pop(key, None)
            self._waiting.discard(key)
        self._compiled = compiled
        self._compiled_at |= dict.fromkeys(changed, now)
        self.touch(changed)

    def touch(self, keys: Collection[Key]) -> None:
        """Plan a look at these objects."""
        self._pace.touch(keys, time.monotonic())
        self._wake.set()

    def touch_all(self) -> None:
        """Plan a look at every object, because this instance leads now and will publish first."""
        self._compiled_at = dict.fromkeys(self._compiled, time.monotonic())
        self.touch(self._compiled.keys())

    def touch_waiting(self) -> None:
        """Plan a look at what was not published, because something was."""
        self.touch(tuple(self._waiting))

    async def run(self) -> None:
        """Write, for ever."""
        await tasks.forever("write status", self._step)

    async def _step(self) -> None:
        if not self._lease.held:
            await asyncio.sleep(_STANDBY_SECONDS)
            return
        self._wake.clear()
        keys = self._pace.due(time.monotonic(), _AT_ONCE)
        if not keys:
            await self._until_next()
            return
        async with asyncio.TaskGroup() as group:
            for key in keys:
                tasks.spawn(group, "look at status", self._look(key))

    async def _until_next(self) -> None:
        at = self._pace.next_at
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None if at is None else max(0.0, at - time.monotonic())):
                await self._wake.wait()

    async def _look(self, key: Key) -> None:
        """Compare the status of one object with what it should be, and write the difference."""
        item, compiled = self._objects().get(key), self._compiled.get(key)
        if item is None or compiled is None or not _is_of(compiled, item):
            return  # gone, or the newest is not compiled yet; either way somebody will touch it
        now = time.monotonic()
        published = self._published(compiled)
        (self._waiting.discard if published else self._waiting.add)(key)
        patience = self._compiled_at[key] + _PUBLISHING_SECONDS
        if not published and now < patience:
            self._pace.later(key, patience)
            return
        if compiled.job is not None:
            self._pace.look_again(key, now)
        before, wanted = _status(item), self._wanted(item, compiled, published)
        patch = merge_patch.between(before, wanted)
        if not patch:
            return
        if not status.is_news(before, wanted) and (
            not self._pace.may_write_progress(key, now) or self._is_busy(now)
        ):
            self._pace.look_again(key, now)
            return
        await self._slot()
        await self._write(key, item, before, wanted, patch)

    def _wanted(self, item: Object, compiled: Compiled, published: bool) -> status.Status:
        validated = compiled.entry.validated
        job = JobRef(validated.namespace, validated.name)
        seen = status.Seen(
            compiled=compiled,
            generation=stored.generation_of(item),
            published=published,
            reports=self._reported.of(job) if compiled.job is not None else (),
        )
        before = _status(item)
        wanted = status.of(seen, before, int(self._now() * 1000))
        # When it was written is no reason to write it.
        kept = {name: before[name] for name in ("lastUpdated",) if name in before}
        return wanted | kept

    def _is_busy(self, now: float) -> bool:
        """Whether writes wait for one another; then those that tell of no news give way."""
        return self._next_write > now + _BUSY_SECONDS

    async def _slot(self) -> None:
        """Wait until all objects together may be written again."""
        now = time.monotonic()
        self._next_write = max(self._next_write + self._second_per_write, now)
        await asyncio.sleep(self._next_write - now)

    async def _write(
        self,
        key: Key,
        item: Object,
        before: Mapping[str, object],
        wanted: status.Status,
        patch: Mapping[str, object],
    ) -> None:
        if not self._lease.held:
            return
        self._pace.wrote(key, time.monotonic())
        version = item["metadata"].get("resourceVersion")
        at = status.time(int(self._now() * 1000))
        body = {
            "metadata": {"resourceVersion": version},
            "status": {**patch, "lastUpdated": at},
        }
        try:
            await self._api.call(
                "PATCH",
                METRIC_ACCESSES.path(*key, subresource="status"),
                query=_FIELD_MANAGER,
                body=body,
                content_type=kubernetes.MERGE_PATCH,
            )
        except (Conflict, NotFound):
            self._metrics.status_writes.labels("conflict").inc()
            self.touch([key])
        except Failed as error:
            self._metrics.status_writes.labels("failed").inc()
            if self._throttle.allow(f"status {error.status}"):
                _log.warning(
                    "status not written", extra={"object": "/".join(key), "error": str(error)}
                )
            self.touch([key])
        else:
            self._metrics.status_writes.labels("written").inc()
            await self._tell(item, tuple(transitions.events(before, wanted)))

    async def _tell(self, item: Object, told: Sequence[tuple[str, str, str]]) -> None:
        for number, one in enumerate(told):
            moment = self._now()
            at = datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            name = transitions.name(item["metadata"]["name"], int(moment * 1e9) + number)
            body = transitions.event(item, one, instance=self._instance, at=at, name=name)
            try:
                await self._api.call("POST", EVENTS.path(item["metadata"]["namespace"]), body=body)
            except Failed as error:
                self._metrics.events.labels("failed").inc()
                if self._throttle.allow(f"event {error.status}"):
                    _log.warning("event not written", extra={"error": str(error)})
            else:
                self._metrics.events.labels("written").inc()


def _is_of(compiled: Compiled, item: Object) -> bool:
    """Whether `compiled` is what became of this very state of the object."""
    place = compiled.entry.located
    return (
        isinstance(place, Stored)
        and place.uid == stored.uid_of(item)
        and place.generation == stored.generation_of(item)
    )


def _status(item: Object) -> Mapping[str, object]:
    found = item.get("status")
    return found if isinstance(found, dict) else {}
