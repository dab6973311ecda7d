"""The source "Kubernetes": the newest MetricAccess objects and namespaces, and how it is doing.

While the API server is away, or says anything but a complete list, what was known last stays.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence

from tenant_controller import compile, config, stored
from tenant_controller.boundary import Labels
from tenant_controller.compile import Desired
from tenant_controller.metric_access import API_VERSION, GROUP
from tenant_controller.platform_settings import Platform
from tenantry_common import kubernetes, tasks
from tenantry_common.kubernetes import Api, Object, Resource
from tenantry_common.kubernetes_store import Change, Key
from tenantry_common.kubernetes_watch import Selection, Timing, Watch

METRIC_ACCESSES = Resource(GROUP, API_VERSION.rpartition("/")[2], "metricaccesses")

_PATIENT = Timing()


class Cluster:
    """One cluster, followed for as long as the service runs. `on_change` is called after each change."""

    name = "kubernetes"

    def __init__(
        self,
        api: Api,
        settings: config.Kubernetes,
        on_change: Callable[[], None],
        *,
        need_labels: bool,
        timing: Timing = _PATIENT,
    ) -> None:
        """Prepare. `need_labels`: whether the labels of namespaces matter; else they are not read."""
        self.on_touched: Callable[[Collection[Key]], None] = lambda keys: None
        """Called with every object that changed, if only in its status."""
        self._on_change = on_change
        self._reader = stored.Reader()
        selection = Selection(namespaces=settings.namespaces)
        self._objects = Watch(api, METRIC_ACCESSES, self._told, selection=selection, timing=timing)
        self._namespaces = (
            Watch(api, kubernetes.NAMESPACES, self._told_namespaces, timing=timing)
            if need_labels
            else None
        )

    @property
    def objects(self) -> Mapping[Key, Object]:
        """All MetricAccess objects as they are."""
        return self._objects.objects

    def look(self) -> Callable[[Platform], Desired] | None:
        """Return how to compile what is known now, None until everything was listed once.

        Calls of what is returned must not overlap; they may run in a thread.
        """
        if not all(watch.synced for watch in self._watches):
            return None
        objects = tuple(self.objects.values())
        labels = {
            name: _labels(item)
            for (_, name), item in (self._namespaces.objects.items() if self._namespaces else ())
        }

        def compile_all(platform: Platform) -> Desired:
            return compile.everything(self._reader.read(objects), platform, labels)

        return compile_all

    @property
    def problem(self) -> str:
        """Why what is known may be out of date; empty while all is well."""
        problem = next((watch.problem for watch in self._watches if watch.problem), "")
        return f"degraded, keeping what is known: {problem}" if problem else ""

    async def run(self) -> None:
        """Follow the cluster, for ever."""
        async with asyncio.TaskGroup() as group:
            for watch in self._watches:
                tasks.spawn(group, "follow objects", watch.run())

    @property
    def counts(self) -> Mapping[str, int]:
        """What happened on the watches: see `Watch.counts`."""
        return sum((watch.counts for watch in self._watches), Counter[str]())

    @property
    def _watches(self) -> tuple[Watch, ...]:
        return (self._objects, *([self._namespaces] if self._namespaces else ()))

    def _told(self, changes: Sequence[Change]) -> None:
        if not changes or any(map(stored.is_meant, changes)):
            self._on_change()
        if changes:
            self.on_touched([change.key for change in changes])

    def _told_namespaces(self, changes: Sequence[Change]) -> None:
        if not changes or any(_relabelled(change) for change in changes):
            self._on_change()


def _labels(namespace: Object) -> Labels:
    return frozenset((namespace["metadata"].get("labels") or {}).items())


def _relabelled(change: Change) -> bool:
    if change.before is None or change.now is None:
        return True
    return _labels(change.before) != _labels(change.now)
