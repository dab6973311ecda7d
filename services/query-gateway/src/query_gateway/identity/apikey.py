"""Mode `apikey`: keys that we handed out, kept as hashes in a file."""

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from query_gateway.failures import Failure
from query_gateway.identity import key_file, key_hash
from query_gateway.identity.key_file import Entry, NotAKeyFile
from query_gateway.identity.presented import Presented
from query_gateway.identity.principal import Principal
from query_gateway.metrics import Metrics
from tenantry_common import api_key, files
from tenantry_common.files import Contents
from tenantry_common.key_check import Busy, KeyCheck

_log = logging.getLogger(__name__)

_REREAD_SECONDS = 30.0


class ApiKeys:
    """Identify by a key whose hash is in the file."""

    def __init__(
        self, path: Path, metrics: Metrics, *, now: Callable[[], float] = time.time
    ) -> None:
        self._path = path
        self._metrics = metrics
        self._now = now
        self._keys: Mapping[str, Entry] | None = None
        self._check: KeyCheck[Entry] = KeyCheck(key_hash.fits)

    async def run(self) -> None:
        """Read the file, and again whenever it changes, for ever."""
        await files.follow([self._path], _REREAD_SECONDS, self.take)

    def take(self, contents: Contents) -> None:
        """Replace the keys by those in `contents`; by none where it cannot be read."""
        (found,) = contents.values()
        self._check.forget()
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
        key = api_key.read(text) if text else None
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
        try:
            right = await self._check.is_right(entry, entry.hash, text, secret)
        except Busy as error:
            text = "too many API keys are being checked"
            raise Failure("too_many", text, retry_after=1) from error
        if self._keys is None or self._keys.get(entry.id) is not entry:
            # The file changed while we hashed: what it says now counts.
            raise Failure("unauthenticated", "the API key is not valid")
        return right
