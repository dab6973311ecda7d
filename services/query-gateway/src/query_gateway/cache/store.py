"""Where records are kept: in memory, bounded by bytes; and what a store that gateways share must do."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Protocol


class Store(Protocol):
    """Keeps bytes under names for a while, or not. It never fails: what it cannot do, it leaves."""

    async def get(self, names: Sequence[str]) -> list[bytes | None]:
        """Return what is kept under each name: nothing but what was put there, unchanged."""
        ...

    def put(self, records: Mapping[str, bytes]) -> None:
        """Keep records, soon."""
        ...


class Memory:
    """The least recently used records go first."""

    def __init__(self, most_bytes: int) -> None:
        """Keep at most so many bytes, names and overhead included."""
        self._most = most_bytes
        self._size = 0
        self._records: OrderedDict[str, bytes] = OrderedDict()

    def get(self, names: Sequence[str]) -> list[bytes | None]:
        """Return what is kept under each name."""
        found: list[bytes | None] = []
        for name in names:
            record = self._records.get(name)
            if record is not None:
                self._records.move_to_end(name)
            found.append(record)
        return found

    def put(self, records: Mapping[str, bytes]) -> None:
        """Keep records, and drop the oldest ones beyond the limit; one alone may not take it all."""
        for name, record in records.items():
            self._drop(name)
            if _cost(name, record) > self._most // 2:
                continue
            self._records[name] = record
            self._size += _cost(name, record)
        while self._size > self._most:
            self._drop(next(iter(self._records)))

    @property
    def size(self) -> int:
        """Bytes that are kept."""
        return self._size

    def _drop(self, name: str) -> None:
        record = self._records.pop(name, None)
        if record is not None:
            self._size -= _cost(name, record)


_OVERHEAD = 200
"""Bytes of the objects and their places in the table."""


def _cost(name: str, record: bytes) -> int:
    return len(name) + len(record) + _OVERHEAD
