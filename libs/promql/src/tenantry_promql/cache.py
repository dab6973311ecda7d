"""A mapping that forgets what was used longest ago, bounded in entries and in the size of its values."""

from collections import OrderedDict
from collections.abc import Hashable


class BoundedCache[K: Hashable, V]:
    """Least recently used entries go first; a value larger than a sixteenth of the room is not kept."""

    __slots__ = ("_entries", "_max_entries", "_max_size", "_size")

    def __init__(self, max_entries: int, max_size: int) -> None:
        self._entries: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._max_entries = max_entries
        self._max_size = max_size
        self._size = 0

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def size(self) -> int:
        """The sizes of all values together."""
        return self._size

    def get(self, key: K) -> V | None:
        """Return the value, now the most recently used one."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        self._entries.move_to_end(key)
        return entry[0]

    def put(self, key: K, value: V, size: int) -> None:
        """Keep a value of this size, forgetting others until it fits."""
        if size * 16 > self._max_size:
            return
        old = self._entries.pop(key, None)
        if old is not None:
            self._size -= old[1]
        self._entries[key] = (value, size)
        self._size += size
        while self._size > self._max_size or len(self._entries) > self._max_entries:
            _, (_, freed) = self._entries.popitem(last=False)
            self._size -= freed

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self._size = 0
