"""Mode `apikey`: keys that we handed out, kept as hashes in a file.

keys:
  - id: grafana-shop
    hash: $scrypt$ln=14,r=8,p=1$…
    tenants: [shop]
    expires: 2027-01-01T00:00:00Z
"""

import time
from collections.abc import Callable
from pathlib import Path

from query_gateway.failures import Failure
from query_gateway.identity import key_hash
from query_gateway.identity.presented import Presented
from query_gateway.identity.principal import Every, Held, Principal
from query_gateway.identity.settings import EVERY
from query_gateway.metrics import Metrics
from tenantry_common import api_key, files, key_file
from tenantry_common.files import Contents
from tenantry_common.key_check import Busy

SECTION = "keys"
_REREAD_SECONDS = 30.0


class Entry(key_file.Entry, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One key; its hash may be one that another tool wrote."""

    tenants: tuple[str, ...]
    """`"*"` is every tenant."""

    @staticmethod
    def problem(hashed: str) -> str:
        """Return why a hash cannot be used, or the empty string."""
        return key_hash.problem(hashed)

    @staticmethod
    def fits(hashed: str, secret: str) -> bool:
        """Return whether `secret` has this hash."""
        return key_hash.fits(hashed, secret)

    def __post_init__(self) -> None:
        """Refuse what could never be used, too."""
        super().__post_init__()
        if not self.tenants or "" in self.tenants:
            raise ValueError("a key is bound to tenants, and none may be empty")

    @property
    def held(self) -> Held | Every:
        """The tenants that the key's holder may ask for."""
        return Every() if EVERY in self.tenants else Held(frozenset(self.tenants))


class ApiKeys:
    """Identify by a key whose hash is in the file."""

    def __init__(
        self, path: Path, metrics: Metrics, *, now: Callable[[], float] = time.time
    ) -> None:
        self._path = path
        self._keys = key_file.Keys(
            SECTION,
            Entry,
            told=lambda result: metrics.identity_reads.labels("api-keys", result).inc(),
            now=now,
        )

    async def run(self) -> None:
        """Read the file, and again whenever it changes, for ever."""
        await files.follow([self._path], _REREAD_SECONDS, self.take)

    def take(self, contents: Contents) -> None:
        """Replace the keys by those in `contents`; by none where it cannot be read."""
        self._keys.take(contents)

    async def identify(self, presented: Presented) -> Principal | None:
        """Return the key's holder, None without anything that looks like one of our keys.

        Raises `Failure` for a key that is not known, wrong, or over.
        """
        text = presented.key
        if not text or api_key.read(text) is None:
            return None
        if not self._keys.readable:
            raise Failure("identity", "the API keys cannot be read now")
        try:
            entry = await self._keys.holder(text)
        except key_file.Unbelieved as error:
            raise Failure("unauthenticated", f"API key: {error}") from error
        except Busy as error:
            told = "too many API keys are being checked"
            raise Failure("too_many", told, retry_after=1) from error
        return Principal(mode="apikey", name=f"key {entry.id}", tenants=entry.held)
