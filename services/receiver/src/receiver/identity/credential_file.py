"""The file of long-lived credentials: which hash, which job, which clusters, until when; pure.

credentials:
  - id: fleet-eu
    hash: $scrypt$ln=14,r=8,p=1$…
    tenant: platform
    job: fleet
    clusters: [cluster-a, cluster-b]
    expires: 2027-01-01T00:00:00Z
"""

from collections.abc import Mapping
from datetime import datetime

import msgspec
import yaml

from tenantry_common import api_key
from tenantry_common.subjects import JobRef

EVERY = "*"


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One credential."""

    id: str
    hash: str
    tenant: str
    job: str
    clusters: tuple[str, ...]
    """Ids for which it is good; `"*"`: every one."""
    expires: datetime | None = None
    """When it ends; with a time zone."""

    def __post_init__(self) -> None:
        """Refuse what could never be used, or would be used otherwise than it looks."""
        if problem := api_key.problem(self.hash):
            raise ValueError(f"hash: {problem}")
        if not self.tenant or not self.job:
            raise ValueError("a credential is bound to a tenant and a job")
        if not self.clusters or "" in self.clusters:
            raise ValueError("a credential is bound to clusters, and no id may be empty")
        if self.expires is not None and self.expires.tzinfo is None:
            raise ValueError("expires needs a time zone")

    @property
    def ref(self) -> JobRef:
        """The job that its holders may push to."""
        return JobRef(self.tenant, self.job)

    @property
    def only(self) -> str | None:
        """The cluster that it is good for, if that is one and named."""
        return self.clusters[0] if len(self.clusters) == 1 and EVERY not in self.clusters else None

    def permits(self, cluster: str) -> bool:
        """Return whether it is good for `cluster`."""
        return cluster in self.clusters or EVERY in self.clusters

    def ended(self, now: float) -> bool:
        """Return whether it is over at `now`, in seconds since the epoch."""
        return self.expires is not None and self.expires.timestamp() <= now


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    credentials: tuple[Entry, ...] = ()


class NotACredentialFile(Exception):
    """The file cannot be read as a whole. Believe no credential."""


def parse(document: bytes) -> Mapping[str, Entry]:
    """Return the credentials by id. Raises `NotACredentialFile`, without a word of any hash."""
    try:
        found = msgspec.convert(yaml.safe_load(document) or {}, _File, strict=False)
    except msgspec.ValidationError as error:
        raise NotACredentialFile(str(error)) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise NotACredentialFile("not YAML") from error
    entries = {entry.id: entry for entry in found.credentials}
    if len(entries) < len(found.credentials):
        raise NotACredentialFile("two credentials have the same id")
    return entries
