"""Mode `apikey`: keys that we handed out, kept as hashes in a file."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from query_gateway.failures import Failure
from query_gateway.identity import key_file, key_hash
from query_gateway.identity.key_file import Entry, NotAKeyFile
from query_gateway.identity.memory import Memory
from query_gateway.identity.presented import Presented
from query_gateway.identity.principal import Principal
from query_gateway.metrics import Metrics
from tenantry_common import files
from tenantry_common.files import Contents

_log = logging.getLogger(__name__)

_REREAD_SECONDS = 30.0
_RIGHT_SECONDS = 600.0
_WRONG_SECONDS = 60.0
_AT_ONCE = 2
_WAITING = 50


class ApiKeys:
    """Identify by a key whose hash is in the file."""

    def __init__(
        self, path: Path, metrics: Metrics, *, now: Callable[[], float] = time.time
    ) -> None:
        self._path = path
        self._metrics = metrics
        self._now = now
        self._keys: Mapping[str, Entry] | None = None
        # Hashing is slow on purpose. Apart, so that wrong keys do not push right ones out.
        self._right: Memory[Entry] = Memory()
        self._wrong: Memory[bool] = Memory()
        self._hashing = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0

    async def run(self) -> None:
        """Read the file, and again whenever it changes, for ever."""
        await files.follow([self._path], _REREAD_SECONDS, self.take)

    def take(self, contents: Contents) -> None:
        """Replace the keys by those in `contents`; by none where it cannot be read."""
        (found,) = contents.values()
        self._right.clear()
        self._wrong.clear()
        try:
            if not isinstance(found, bytes):
                raise NotAKeyFile(found.reason)
            self._keys = key_file.parse(found)
        except NotAKeyFile as error:
            self._keys = None
            self._metrics.identity_reads.labels("api-keys", "failed").inc()
            _log.error(
                "api keys not read, none is believed",
                extra={"file": str(self._path), "error": str(error)},
            )
            return
        self._metrics.identity_reads.labels("api-keys", "read").inc()
        _log.info("api keys read", extra={"file": str(self._path), "keys": len(self._keys)})

    async def identify(self, presented: Presented) -> Principal | None:
        """Return the key's holder, None without anything that looks like one of our keys.

        Raises `Failure` for a key that is not known, wrong, or over.
        """
        text = presented.key
        key = key_hash.read(text) if text else None
        if text is None or key is None:
            return None
        if self._keys is None:
            raise Failure("identity", "the API keys cannot be read now")
        # Ids are no secret: they are in the audit log, and who knows one has nothing.
        entry = self._keys.get(key.id)
        if entry is None or not await self._is_right(entry, key.secret, text):
            raise Failure("unauthenticated", "the API key is not valid")
        if entry.ended(self._now()):
            raise Failure("unauthenticated", "the API key has expired")
        return Principal(mode="apikey", name=f"key {entry.id}", tenants=entry.held)

    async def _is_right(self, entry: Entry, secret: str, text: str) -> bool:
        if self._right.get(text) is entry:
            return True
        if self._wrong.get(text):
            return False
        right = await self._hash(entry.hash, secret)
        if self._keys is None or self._keys.get(entry.id) is not entry:
            # The file changed while we hashed: what it says now counts.
            raise Failure("unauthenticated", "the API key is not valid")
        if right:
            self._right.put(text, entry, _RIGHT_SECONDS)
        else:
            self._wrong.put(text, True, _WRONG_SECONDS)
        return right

    async def _hash(self, hashed: str, secret: str) -> bool:
        if self._waiting >= _WAITING:
            raise Failure("too_many", "too many API keys are being checked", retry_after=1)
        self._waiting += 1
        try:
            async with self._hashing:
                return await asyncio.to_thread(key_hash.fits, hashed, secret)
        finally:
            self._waiting -= 1
