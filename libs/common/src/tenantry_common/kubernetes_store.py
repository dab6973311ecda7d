"""What is known of the objects of one list, and what each answer and event changes of it; pure.

Events may come twice, late or in the wrong order. For each object the newest state that was seen is
kept, of deleted ones too, so that nothing older can bring back what is gone.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from tenantry_common.kubernetes_objects import Object, without_managed_fields

type Key = tuple[str, str]
"""Namespace (empty for objects outside of all) and name."""


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one object."""

    kind: Literal["added", "changed", "removed"]
    key: Key
    before: Object | None
    """As it was known; None when it was not."""
    now: Object | None
    """As it is; None when it is gone."""


def key_of(found: Mapping[str, Any]) -> Key:
    """Return the key of an object."""
    metadata = found["metadata"]
    return metadata.get("namespace") or "", metadata["name"]


def version_of(found: Mapping[str, Any]) -> str:
    """Return an object's or a list's resourceVersion; empty when it has none."""
    return str(found["metadata"].get("resourceVersion") or "")


class Store:
    """The objects of one list."""

    def __init__(self) -> None:
        self._objects: dict[Key, Object] = {}
        self._floor: int | None = None
        self._gone: dict[Key, int] = {}

    @property
    def objects(self) -> Mapping[Key, Object]:
        """All objects; a live view."""
        return MappingProxyType(self._objects)

    def replace(self, items: Iterable[Object], version: str) -> tuple[Change, ...]:
        """Take over a whole list as it was at `version`; return what that changed."""
        found = {key_of(item): item for item in map(without_managed_fields, items)}
        changes = [
            Change("removed", key, before, None)
            for key, before in self._objects.items()
            if key not in found
        ]
        for key, item in found.items():
            before = self._objects.get(key)
            if before is None:
                changes.append(Change("added", key, None, item))
            elif _same(before, item):
                found[key] = before  # the very object: what was made of it can be kept
            else:
                changes.append(Change("changed", key, before, item))
        self._objects = found
        self._floor = _number(version)
        self._gone.clear()
        return tuple(changes)

    def put(self, item: Object) -> Change | None:
        """Take over the state of one object; return what that changed, None when it is old news."""
        without_managed_fields(item)
        key = key_of(item)
        before = self._objects.get(key)
        if self._is_old(key, item, before):
            return None
        self._objects[key] = item
        self._gone.pop(key, None)
        if before is None:
            return Change("added", key, None, item)
        return Change("changed", key, before, item)

    def remove(self, item: Object) -> Change | None:
        """Forget one object, whose last state is `item`; return what that changed."""
        key = key_of(item)
        before = self._objects.get(key)
        number = _number(version_of(item))
        if self._is_old(key, item, before):
            return None
        if number is not None:
            self._gone[key] = number
        elif before is not None and _uid(before) != _uid(item):
            return None  # the end of a predecessor of the same name, told late
        if before is None:
            return None
        del self._objects[key]
        return Change("removed", key, before, None)

    def _is_old(self, key: Key, item: Object, before: Object | None) -> bool:
        """Whether something as new as `item` is known of its key.

        Versions are numbers that grow with every write to a kind of object (Kubernetes promises it
        since 1.35, and etcd always did); what is no number is believed as it comes.
        """
        number = _number(version_of(item))
        if number is None:
            return False
        known = [self._floor, self._gone.get(key)]
        if before is not None:
            known.append(_number(version_of(before)))
        return any(number <= other for other in known if other is not None)


def _same(one: Object, other: Object) -> bool:
    version = version_of(one)
    if not version:
        return one == other
    return version == version_of(other) and _uid(one) == _uid(other)


def _uid(found: Object) -> object:
    return found["metadata"].get("uid")


def _number(version: str) -> int | None:
    return int(version) if version.isdecimal() else None
