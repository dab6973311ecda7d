"""Encoded series of all sources by family, so that a page is put together without encoding; pure."""

from collections.abc import Callable, Iterator, Mapping

from receiver.federate.formats import Key
from tenantry_common.subjects import JobRef

type Source = tuple[JobRef, str]
"""The job, and the token of the cluster's id."""


class Index:
    """What one format has of each source."""

    def __init__(self) -> None:
        self._chunks: dict[Key, dict[Source, bytes]] = {}
        self._of_source: dict[Source, tuple[Key, ...]] = {}

    def put(self, source: Source, chunks: Mapping[Key, bytes]) -> None:
        """Replace what there is of `source`; nothing removes it."""
        for key in self._of_source.pop(source, ()):
            if key not in chunks:
                holders = self._chunks[key]
                del holders[source]
                if not holders:
                    del self._chunks[key]
        for key, chunk in chunks.items():
            self._chunks.setdefault(key, {})[source] = chunk
        if chunks:
            self._of_source[source] = tuple(chunks)

    def __iter__(self) -> Iterator[Key]:
        """Yield the keys, those of one family behind one another."""
        return iter(sorted(self._chunks))

    def of(
        self, key: Key, holds: Callable[[Source], bool] | None
    ) -> Iterator[tuple[Source, bytes]]:
        """Yield what the sources that `holds` accepts have under `key`; None accepts all."""
        for source, chunk in self._chunks.get(key, {}).items():
            if holds is None or holds(source):
                yield source, chunk
