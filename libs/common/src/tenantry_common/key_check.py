"""Check secrets against slow hashes without letting anybody keep the processor busy with wrong ones."""

import asyncio
from collections.abc import Callable

from tenantry_common.credential_memory import Memory

_RIGHT_SECONDS = 600.0
_WRONG_SECONDS = 60.0
_AT_ONCE = 2
_WAITING = 50


class Busy(Exception):
    """Too many secrets wait to be checked. Have the client try again."""


class KeyCheck[Entry]:
    """Remembers for a while which keys were right and which were wrong, as digests."""

    def __init__(self, fits: Callable[[str, str], bool]) -> None:
        """`fits(hash, secret)` may take tens of milliseconds; it is called in a thread."""
        self._fits = fits
        # Apart, so that wrong keys do not push right ones out.
        self._right: Memory[Entry] = Memory()
        self._wrong: Memory[bool] = Memory()
        self._hashing = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0

    def forget(self) -> None:
        """Forget everything, because the entries have changed."""
        self._right.clear()
        self._wrong.clear()

    async def is_right(self, entry: Entry, hashed: str, key: str, secret: str) -> bool:
        """Return whether `secret`, a part of `key`, has the hash of `entry`. Raises `Busy`.

        The entries may have changed when this returns.
        """
        if self._right.get(key) is entry:
            return True
        if self._wrong.get(key):
            return False
        right = await self._hash(hashed, secret)
        if right:
            self._right.put(key, entry, _RIGHT_SECONDS)
        else:
            self._wrong.put(key, True, _WRONG_SECONDS)
        return right

    async def _hash(self, hashed: str, secret: str) -> bool:
        if self._waiting >= _WAITING:
            raise Busy
        self._waiting += 1
        try:
            async with self._hashing:
                return await asyncio.to_thread(self._fits, hashed, secret)
        finally:
            self._waiting -= 1
