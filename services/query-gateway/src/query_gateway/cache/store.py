"""Where records are kept: in memory, bounded by bytes, or in a Redis or Valkey that instances share."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Protocol


class Store(Protocol):
    """Keeps bytes under keys for a while, or not. It never fails: what it cannot do, it leaves."""

    async def get(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return what is kept under each key."""
        ...

    async def put(self, records: Mapping[str, bytes]) -> None:
        """Keep records."""
        ...


class Memory:
    """The least recently used records go first."""

    def __init__(self, most_bytes: int) -> None:
        """Keep at most so many bytes, keys and overhead included."""
        self._most = most_bytes
        self._size = 0
        self._records: OrderedDict[str, bytes] = OrderedDict()

    async def get(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return what is kept under each key."""
        found: list[bytes | None] = []
        for key in keys:
            record = self._records.get(key)
            if record is not None:
                self._records.move_to_end(key)
            found.append(record)
        return found

    async def put(self, records: Mapping[str, bytes]) -> None:
        """Keep records, and drop the oldest ones beyond the limit."""
        for key, record in records.items():
            self._drop(key)
            self._records[key] = record
            self._size += _cost(key, record)
        while self._size > self._most:
            self._drop(next(iter(self._records)))

    @property
    def size(self) -> int:
        """Bytes that are kept."""
        return self._size

    def _drop(self, key: str) -> None:
        record = self._records.pop(key, None)
        if record is not None:
            self._size -= _cost(key, record)


_OVERHEAD = 200
"""Bytes of the objects and their places in the table."""


def _cost(key: str, record: bytes) -> int:
    return len(key) + len(record) + _OVERHEAD
