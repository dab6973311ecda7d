"""Follow the objects of a cluster that the rules look at, and keep what they say."""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from discovery.kubernetes import objects, pods
from discovery.kubernetes.endpoints import SERVICE_NAME
from discovery.kubernetes.objects import EndpointSlice, Object, Pod, Prometheus, Service
from discovery.kubernetes.settings import Rule
from discovery.kubernetes.survey import Objects, Survey, survey
from discovery.target import Target
from tenantry_common import kubernetes, tasks
from tenantry_common.kubernetes import Api, Resource
from tenantry_common.kubernetes_store import Change, Key
from tenantry_common.kubernetes_watch import Selection, Timing, Watch

_log = logging.getLogger(__name__)

PODS = Resource("", "v1", "pods")
SERVICES = Resource("", "v1", "services")
SLICES = Resource("discovery.k8s.io", "v1", "endpointslices")
PROMETHEUSES = Resource("monitoring.coreos.com", "v1", "prometheuses")

_PATIENT = Timing()
_PAUSE_SECONDS = 0.1  # in a busy cluster some EndpointSlice changes all the time


class Cluster:
    """All rules, followed for as long as the service runs. While the API server is away, or says
    no, what was known last stays."""

    def __init__(
        self,
        api: Api,
        rules: Iterable[Rule],
        on_change: Callable[[], None],
        *,
        timing: Timing = _PATIENT,
    ) -> None:
        self._on_change = on_change
        self._changed = asyncio.Event()
        self._logged: frozenset[str] = frozenset()
        self._rules = [_Followed(api, rule, self._changed.set, timing) for rule in rules]

    @property
    def complete(self) -> bool:
        """Whether everything was listed once."""
        return all(watch.synced for watch in self._watches)

    @property
    def targets(self) -> tuple[Target, ...]:
        """The targets of all rules, in the order of the rules."""
        return tuple(target for rule in self._rules for target in rule.survey.targets)

    @property
    def notes(self) -> tuple[str, ...]:
        """What of the objects cannot be used."""
        return tuple(dict.fromkeys(note for rule in self._rules for note in rule.notes))

    @property
    def problems(self) -> tuple[str, ...]:
        """Why what is known may be out of date; empty while all is well."""
        return tuple(dict.fromkeys(watch.problem for watch in self._watches if watch.problem))

    async def run(self) -> None:
        """Follow, for ever."""
        async with asyncio.TaskGroup() as group:
            for number, rule in enumerate(self._rules):
                for watch in rule.watches:
                    tasks.spawn(group, f"rule {number}", watch.run())
            tasks.spawn(group, "survey", tasks.forever("survey", self._survey))

    async def _survey(self) -> None:
        """Look again when something changed; many changes at once are looked at once."""
        await self._changed.wait()
        self._changed.clear()
        for rule in self._rules:
            rule.look()
        for note in sorted(set(self.notes) - self._logged):
            _log.warning("kubernetes object not used", extra={"reason": note})
        self._logged = frozenset(self.notes)
        self._on_change()
        await asyncio.sleep(_PAUSE_SECONDS)

    @property
    def _watches(self) -> list[Watch]:
        return [watch for rule in self._rules for watch in rule.watches]


class _Kind[T: Object]:
    """The objects of one kind, read as they change."""

    def __init__(
        self,
        api: Api,
        resource: Resource,
        kind: type[T],
        selection: Selection,
        on_change: Callable[[], None],
        timing: Timing,
        *,
        optional: bool = False,
    ) -> None:
        self._kind = kind
        self._on_change = on_change
        self._found: dict[Key, T] = {}
        self.unreadable: dict[Key, str] = {}
        self.watch = Watch(
            api, resource, self._take, selection=selection, optional=optional, timing=timing
        )

    @property
    def found(self) -> Collection[T]:
        """The objects that can be read."""
        return self._found.values()

    def _take(self, changes: Sequence[Change]) -> None:
        for change in changes:
            self._found.pop(change.key, None)
            self.unreadable.pop(change.key, None)
            if change.now is None:
                continue
            try:
                self._found[change.key] = objects.read(self._kind, change.now)
            except objects.Unreadable as error:
                name = "/".join(change.key)
                self.unreadable[change.key] = f"{self._kind.__name__} {name}: {error}"
        self._on_change()


class _Followed:
    """One rule, the watches of what it looks at, and what that says."""

    def __init__(self, api: Api, rule: Rule, on_change: Callable[[], None], timing: Timing) -> None:
        self._rule = rule
        self._kinds: list[_Kind[Any]] = []
        self._dirty = False
        self.survey = Survey(targets=(), notes=())

        def changed() -> None:
            self._dirty = True
            on_change()

        def follow[T: Object](
            wanted: bool, resource: Resource, kind: type[T], labels: str, *, optional: bool = False
        ) -> Collection[T]:
            """Return a live view of the objects; nothing for ever when they are not wanted."""
            if not wanted:
                return ()
            selection = Selection(namespaces=rule.namespaces, labels=labels)
            made = _Kind(api, resource, kind, selection, changed, timing, optional=optional)
            self._kinds.append(made)
            return made.found

        own, types = kubernetes.selector(rule.labels), rule.resource_types
        has_operator = rule.prometheus_operator
        self._objects = Objects(
            prometheuses=follow(has_operator, PROMETHEUSES, Prometheus, own, optional=True),
            operated=follow(has_operator, PODS, Pod, pods.OPERATOR_NAME),
            pods=follow("Pod" in types, PODS, Pod, own),
            slices=follow("Endpoints" in types, SLICES, EndpointSlice, own),
            services=follow("Service" in types, SERVICES, Service, own),
            serving=follow("Service" in types, SLICES, EndpointSlice, SERVICE_NAME),
        )

    @property
    def watches(self) -> list[Watch]:
        return [kind.watch for kind in self._kinds]

    @property
    def notes(self) -> list[str]:
        if not all(watch.synced for watch in self.watches):
            return []  # what seems to be missing was not listed yet
        unreadable = [reason for kind in self._kinds for reason in kind.unreadable.values()]
        return [*self.survey.notes, *unreadable]

    def look(self) -> None:
        if self._dirty:
            self._dirty = False
            self.survey = survey(self._rule, self._objects)
