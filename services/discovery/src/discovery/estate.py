"""The estate as this instance sees it: sources and probes become backends, again and again.

Around the pure steps (`target.unique`, `group.backends`) it holds what must be remembered between
them, and says once what changed.
"""

import logging
from collections.abc import Collection, Mapping
from typing import Protocol

from discovery import group, target
from discovery.observation import Observation
from discovery.target import Target
from tenantry_common.contracts import Backend

_log = logging.getLogger(__name__)


class Source(Protocol):
    """Where targets come from: folders of files, objects of a Kubernetes cluster."""

    @property
    def complete(self) -> bool:
        """Whether `targets` lacks nothing; else what it lacks is left published as it is."""

    @property
    def targets(self) -> tuple[Target, ...]:
        """What the source lists now."""


class Estate:
    """All backends, recomputed by `refresh` whenever something may have changed."""

    def __init__(
        self, sources: Collection[Source], replica_labels: Collection[str], cluster: str = ""
    ) -> None:
        """Group by all but `replica_labels`; `cluster` is that of backends whose source says none."""
        self._sources = sources
        self._replica_labels = replica_labels
        self._cluster = cluster
        self._known: Mapping[str, Backend] = {}
        self.targets: Mapping[str, Target] = {}
        self.backends: Mapping[str, Backend] = {}
        self.warnings: tuple[str, ...] = ()

    def remember(self, published: Mapping[str, Backend]) -> None:
        """Take over what an instance before this one knew; to be called before `refresh`."""
        self._known = published

    def list_targets(self) -> Mapping[str, Target]:
        """Read the sources, and return the targets by id."""
        listed = (one for source in self._sources for one in source.targets)
        self.targets, warnings = target.unique(listed)
        for warning in sorted(set(warnings) - set(self.warnings)):
            _log.warning("target ignored", extra={"reason": warning})
        self.warnings = warnings
        return self.targets

    def refresh(self, observations: Mapping[str, Observation]) -> Mapping[str, Backend]:
        """Return the backends by id, as of these observations."""
        found = group.backends(
            self.targets, observations, self._known, self._replica_labels, self._cluster
        )
        _log_changes(self.backends, found)
        self.backends = found
        self._known = found if self.complete else {**self._known, **found}
        return found

    @property
    def complete(self) -> bool:
        """Whether no source lacks anything."""
        return all(source.complete for source in self._sources)


def _log_changes(before: Mapping[str, Backend], now: Mapping[str, Backend]) -> None:
    for id_ in sorted(before.keys() - now.keys()):
        _log.info("backend removed", extra={"backend": id_})
    for id_, backend in now.items():
        old = before.get(id_)
        if old is not None and _told(old) == _told(backend):
            continue
        level = logging.INFO if backend.healthy and not backend.reason else logging.WARNING
        fields = {"backend": id_, "ha_set": backend.ha_set, "healthy": backend.healthy}
        _log.log(level, "backend", extra={**fields, "reason": backend.reason})


def _told(backend: Backend) -> tuple[object, ...]:
    return backend.ha_set, backend.healthy, backend.reason
