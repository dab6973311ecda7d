"""What the objects of a cluster say by one rule: targets, each once, and notes for people; pure.

One server is often found several times: as a pod, behind two Services, in the slices of two address
families. What is said of it is put together; the kind that knows more of it goes first.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from discovery.kubernetes import endpoints, operator, pods, services
from discovery.kubernetes.describe import Finding, Note
from discovery.kubernetes.objects import EndpointSlice, Object, Pod, Prometheus, Service
from discovery.kubernetes.settings import Rule
from discovery.target import Target


@dataclass(frozen=True, kw_only=True)
class Objects:
    """The objects that a rule looks at. Labels are selected before, by the API server."""

    prometheuses: Collection[Prometheus] = ()
    operated: Collection[Pod] = ()
    """Pods that the operator made."""
    pods: Collection[Pod] = ()
    slices: Collection[EndpointSlice] = ()
    services: Collection[Service] = ()
    serving: Collection[EndpointSlice] = ()
    """Slices of any Service."""


@dataclass(frozen=True, kw_only=True)
class Survey:
    """What was found."""

    targets: tuple[Target, ...]
    notes: tuple[str, ...]


def survey(rule: Rule, objects: Objects) -> Survey:
    """Return what the `objects` say by `rule`."""
    targets: dict[str, Target] = {}
    notes: dict[str, None] = {}
    for finding in _findings(rule, objects):
        if isinstance(finding, Note):
            notes[str(finding)] = None
        else:
            known = targets.get(finding.id)
            targets[finding.id] = finding if known is None else _together(known, finding)
    return Survey(targets=tuple(targets.values()), notes=tuple(notes))


def _findings(rule: Rule, objects: Objects) -> Iterator[Finding]:
    for prometheus in _selected(rule, objects.prometheuses):
        yield from operator.find(rule, prometheus, objects.operated)
    for pod in _selected(rule, objects.pods):
        finding = pods.find(rule, pod)
        if finding is not None:
            yield finding
    for slice_ in sorted(_selected(rule, objects.slices), key=lambda one: one.address_type):
        yield from endpoints.find(rule, slice_)
    behind = _by_service(objects.serving)
    for service in _selected(rule, objects.services):
        own = behind.get((service.metadata.namespace, service.metadata.name), ())
        yield from services.find(rule, service, own)


def _selected[T: Object](rule: Rule, found: Iterable[T]) -> Iterator[T]:
    """Yield the objects that have the annotations that the rule wants."""
    wanted = rule.annotation_selectors.items()
    return (one for one in found if wanted <= one.metadata.annotations.items())


def _by_service(
    slices: Iterable[EndpointSlice],
) -> Mapping[tuple[str, str], Collection[EndpointSlice]]:
    found = defaultdict(list)
    for slice_ in slices:
        name = slice_.metadata.labels.get(endpoints.SERVICE_NAME)
        found[slice_.metadata.namespace, name or ""].append(slice_)
    return found


def _together(first: Target, other: Target) -> Target:
    """Return what two findings say of one server: the first, with what only the other knows."""
    ready = first if not first.unready else other
    return replace(
        first,
        url=ready.url,
        unready=ready.unready,
        labels={**other.labels, **first.labels},
        ha_set=first.ha_set or other.ha_set,
        role="global" if "global" in (first.role, other.role) else "replica",
        part=first.part or other.part,
        replica_labels=first.replica_labels | other.replica_labels,
    )
