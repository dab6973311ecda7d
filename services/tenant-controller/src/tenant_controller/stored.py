"""MetricAccess objects of the API server as a catalogue; pure.

What did not change is not validated again: whether an object changed is told by its uid, generation
and spec, so that neither a new status nor a new annotation costs anything.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tenant_controller.catalogue import Catalogue, Entry
from tenant_controller.findings import Finding
from tenant_controller.validate import validate
from tenantry_common.contracts import Problem
from tenantry_common.kubernetes_objects import Object
from tenantry_common.kubernetes_store import Change, Key, key_of

_SOURCE = "kubernetes"


@dataclass(frozen=True, kw_only=True)
class Stored:
    """An object of the API server, as a `Place`."""

    uid: str
    generation: int
    """Of the object as it was read."""
    file: str = _SOURCE
    line: int = 0

    def finding(self, problem: Problem) -> Finding:
        """Return `problem` with its place."""
        return Finding(file=self.file, line=self.line, problem=problem)


class Reader:
    """Reads all objects again and again, and remembers what it found. One caller at a time."""

    def __init__(self) -> None:
        self._known: dict[Key, tuple[Object, Entry]] = {}

    def read(self, objects: Iterable[Object]) -> Catalogue:
        """Return everything that is in `objects`."""
        found: dict[Key, tuple[Object, Entry]] = {}
        for item in objects:
            key = key_of(item)
            before = self._known.get(key)
            unchanged = before is not None and _means_the_same(before[0], item)
            found[key] = (item, before[1] if before is not None and unchanged else _entry(item))
        self._known = found
        return Catalogue(tuple(entry for _, entry in found.values()), ())


def is_meant(change: Change) -> bool:
    """Whether a change may change what the objects mean, and not only their status or labels."""
    if change.before is None or change.now is None:
        return True
    return not _means_the_same(change.before, change.now)


def uid_of(item: Mapping[str, Any]) -> str:
    """Return the uid of an object; empty when it has none."""
    return str(item["metadata"].get("uid") or "")


def generation_of(item: Mapping[str, Any]) -> int:
    """Return the generation of an object, which grows with every change of its spec."""
    generation = item["metadata"].get("generation")
    return generation if isinstance(generation, int) else 0


def _means_the_same(one: Object, other: Object) -> bool:
    if one is other:
        return True
    return (
        uid_of(one) == uid_of(other)
        and generation_of(one) == generation_of(other)
        and all(one.get(part) == other.get(part) for part in ("apiVersion", "kind", "spec"))
    )


def _entry(item: Object) -> Entry:
    place = Stored(uid=uid_of(item), generation=generation_of(item))
    return Entry(place, validate(item))
