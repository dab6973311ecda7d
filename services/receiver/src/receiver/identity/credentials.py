"""Long-lived credentials, kept as hashes in a file: what clusters get their tokens with."""

import logging
import time
from collections.abc import Callable, Mapping

from receiver import refusal
from receiver.identity import credential_file
from receiver.identity.credential_file import Entry, NotACredentialFile
from receiver.identity.source import Source
from receiver.metrics import Metrics
from tenantry_common import api_key
from tenantry_common.files import Contents
from tenantry_common.key_check import Busy, KeyCheck

_log = logging.getLogger(__name__)


class Credentials:
    """The credentials of one file."""

    def __init__(self, metrics: Metrics, *, now: Callable[[], float] = time.time) -> None:
        self._metrics = metrics
        self._now = now
        self._entries: Mapping[str, Entry] | None = None
        self._check: KeyCheck[Entry] = KeyCheck(api_key.fits)

    def take(self, contents: Contents) -> None:
        """Replace the credentials by those in `contents`; by none where it cannot be read."""
        ((path, found),) = contents.items()
        self._check.forget()
        try:
            if not isinstance(found, bytes):
                raise NotACredentialFile(found.reason)
            self._entries = credential_file.parse(found)
        except NotACredentialFile as error:
            self._entries = None
            self._metrics.identity_reads.labels("credentials", "failed").inc()
            _log.error(
                "credentials not read, none is believed",
                extra={"file": str(path), "error": str(error)},
            )
            return
        self._metrics.identity_reads.labels("credentials", "read").inc()
        _log.info("credentials read", extra={"file": str(path), "number": len(self._entries)})

    async def identify(self, text: str, cluster: str | None) -> Source:
        """Return who holds the credential `text`, as `cluster` or as the only one it is good for.

        Raises `refusal.Refused`.
        """
        key = api_key.read(text)
        if key is None:
            raise refusal.unauthenticated("the credential is not valid")
        if self._entries is None:
            raise refusal.unavailable("credentials cannot be read now")
        entry = self._entries.get(key.id)
        if entry is None or not await self._is_right(entry, text, key.secret):
            raise refusal.unauthenticated("the credential is not valid")
        if entry.ended(self._now()):
            raise refusal.unauthenticated("the credential has expired")
        named = entry.only if cluster is None else cluster
        if named is None:
            raise refusal.foreign("the credential is good for several clusters: get a token")
        if not entry.permits(named):
            raise refusal.foreign("the credential is not good for this cluster")
        return Source(job=entry.ref, cluster=named, mode="credential", credential=entry.id)

    async def _is_right(self, entry: Entry, text: str, secret: str) -> bool:
        try:
            right = await self._check.is_right(entry, entry.hash, text, secret)
        except Busy as error:
            raise refusal.unavailable("too many credentials are being checked", 1) from error
        # The file may have changed while we hashed: what it says now counts.
        return right and (self._entries or {}).get(entry.id) is entry
