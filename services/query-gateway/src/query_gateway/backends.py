"""The backends that discovery publishes, as this instance last knew them."""

from collections.abc import Mapping
from typing import Protocol

from tenantry_common import contracts


class Source(Protocol):
    """Where backends are read; `kv.KvView[Backend]` is one."""

    @property
    def snapshot(self) -> Mapping[str, contracts.Backend]:
        """The backends by key."""
        ...


class Backends:
    """The newest list. Without NATS the last one stays in use: backends seldom move."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._seen: tuple[contracts.Backend, ...] = ()
        self._known: tuple[contracts.Backend, ...] = ()

    def known(self) -> tuple[contracts.Backend, ...]:
        """Return every backend, healthy or not, ordered by id; the same object until one changes."""
        seen = tuple(self._source.snapshot.values())
        if seen != self._seen:
            self._known = tuple(sorted(seen, key=lambda backend: backend.id))
            self._seen = seen
        return self._known

    def count_healthy(self) -> int:
        """Return how many of them discovery calls healthy."""
        return sum(backend.healthy for backend in self._source.snapshot.values())

    def describe(self) -> list[dict[str, object]]:
        """Return every backend for people."""
        return [
            {
                "id": backend.id,
                "url": backend.url,
                "healthy": backend.healthy,
                "reason": backend.reason,
                "ha_set": backend.ha_set,
                "role": backend.role,
                "product": backend.product,
                "cluster": backend.cluster,
                "started": backend.started,
                "oldest_ms": backend.oldest_ms,
                "version": backend.version,
                "labels": backend.labels,
                "external_labels": backend.external_labels,
                "replica_labels": backend.replica_labels,
            }
            for backend in self.known()
        ]
