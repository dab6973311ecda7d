"""Long-lived credentials, kept as hashes in a file: what clusters get their tokens with.

credentials:
  - id: fleet-eu
    hash: $scrypt$ln=14,r=8,p=1$…
    tenant: platform
    job: fleet
    clusters: [cluster-a, cluster-b]
    expires: 2027-01-01T00:00:00Z
"""

import time
from collections.abc import Callable

from receiver import refusal
from receiver.identity.source import Source
from receiver.metrics import Metrics
from tenantry_common import key_file
from tenantry_common.files import Contents
from tenantry_common.key_check import Busy
from tenantry_common.subjects import JobRef

SECTION = "credentials"
_EVERY = "*"


class Credential(key_file.Entry, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One credential."""

    tenant: str
    job: str
    clusters: tuple[str, ...]
    """Ids for which it is good; `"*"`: every one."""

    def __post_init__(self) -> None:
        """Refuse what could never be used, too."""
        super().__post_init__()
        if not self.tenant or not self.job:
            raise ValueError("a credential is bound to a tenant and a job")
        if not self.clusters or "" in self.clusters:
            raise ValueError("a credential is bound to clusters, and no id may be empty")

    @property
    def ref(self) -> JobRef:
        """The job that its holders may push to."""
        return JobRef(self.tenant, self.job)

    @property
    def only(self) -> str | None:
        """The cluster that it is good for, if that is one and named."""
        return self.clusters[0] if len(self.clusters) == 1 and not self._is_for_every else None

    def permits(self, cluster: str) -> bool:
        """Return whether it is good for `cluster`."""
        return cluster in self.clusters or self._is_for_every

    @property
    def _is_for_every(self) -> bool:
        return _EVERY in self.clusters


class Credentials:
    """The credentials of one file."""

    def __init__(self, metrics: Metrics, *, now: Callable[[], float] = time.time) -> None:
        self._keys = key_file.Keys(
            SECTION,
            Credential,
            told=lambda result: metrics.identity_reads.labels(SECTION, result).inc(),
            now=now,
        )

    def take(self, contents: Contents) -> None:
        """Replace the credentials by those in `contents`; by none where it cannot be read."""
        self._keys.take(contents)

    async def identify(self, text: str, cluster: str | None) -> Source:
        """Return who holds the credential `text`, as `cluster` or as the only one it is good for.

        Raises `refusal.Refused`.
        """
        if not self._keys.readable:
            raise refusal.unavailable("credentials cannot be read now")
        try:
            held = await self._keys.holder(text)
        except key_file.Unbelieved as error:
            raise refusal.unauthenticated(f"{error}") from error
        except Busy as error:
            raise refusal.unavailable("too many credentials are being checked", 1) from error
        named = held.only if cluster is None else cluster
        if named is None:
            raise refusal.foreign("the credential is good for several clusters: get a token")
        if not held.permits(named):
            raise refusal.foreign("the credential is not good for this cluster")
        return Source(job=held.ref, cluster=named, mode="credential", credential=held.id)
