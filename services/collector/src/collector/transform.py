"""From the labels that a source answers to the labels that are delivered; pure, once per series.

The labels are handed in and out as the bytes of `Label` fields, so that nothing else has to know
what they mean. What the permission rests on is what the source stores: external labels that the
source adds to its answers are taken away before the rules are asked.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from collector import selection
from tenantry_common import contracts, errors, label_steps, relabel, remote_write
from tenantry_common.contracts import Backend, DeliveryJob
from tenantry_promql import RuleSet


class Drop(Enum):
    """Why a series is not delivered."""

    FORBIDDEN = "forbidden"
    """No rule permits what the source stores, though the source answered it."""
    RELABELLED = "relabelled"
    """The job's own relabelling drops it."""
    UNREADABLE = "unreadable"
    """Its labels are not what they should be: not UTF-8, or a name twice."""


type Outcome = bytes | Drop
"""The encoded labels to deliver, or why there are none."""


@dataclass(frozen=True, kw_only=True)
class Version:
    """What the outcome depends on besides the labels: remembered outcomes are good for one version."""

    digest: str
    backend: str
    external_labels: tuple[tuple[str, str], ...]
    replica_labels: tuple[tuple[str, str], ...]
    salt: bytes = field(default=b"", repr=False)
    """What values are anonymised with."""

    def __str__(self) -> str:
        """Return what tells this version from others, for headers of messages."""
        parts = (self.digest, self.backend, self.external_labels, self.replica_labels)
        if not self.salt:
            return contracts.digest(parts)
        # Two bytes are enough to notice another salt, and too little to try salts against.
        return contracts.digest((*parts, hashlib.sha256(self.salt).digest()[:2]))


def version(job: DeliveryJob, backend: Backend, salt: bytes = b"") -> Version:
    """Return the version of the outcomes for `job` with answers of `backend`."""
    return Version(
        digest=job.digest,
        backend=backend.id,
        external_labels=tuple(sorted(backend.external_labels.items())),
        replica_labels=tuple(sorted(backend.replica_labels.items())),
        salt=salt,
    )


class Transform:
    """What happens to each series of one job that one backend answered.

    Raises `ValueError` for rules, relabelings or steps that do not compile, and where values are to
    be anonymised without a `salt`: then nothing is collected.
    """

    def __init__(self, job: DeliveryJob, backend: Backend, salt: bytes = b"") -> None:
        self.version = version(job, backend, salt)
        self.rules: RuleSet = selection.rule_set(job.rules)
        self._relabeling = relabel.Relabeling(job.relabelings)
        self._steps = label_steps.compile(
            job.steps, salt, added=job.extra_labels, honor=job.honor_labels
        )
        self._replica_labels = dict(backend.replica_labels)
        self._added = {**backend.external_labels, **backend.replica_labels}

    def __call__(self, label_bytes: bytes) -> Outcome:
        """Return what is delivered for a series with these labels."""
        try:
            answered = remote_write.decode_labels(label_bytes)
        except errors.Undecodable:
            return Drop.UNREADABLE
        if not self.rules.matches(without(answered, self._added)):
            return Drop.FORBIDDEN
        relabelled = self._relabeling.apply(without(answered, self._replica_labels))
        if relabelled is None:
            return Drop.RELABELLED
        return remote_write.encode_labels(self._steps(relabelled)) or Drop.RELABELLED


def without(labels: Mapping[str, str], removed: Mapping[str, str]) -> dict[str, str]:
    """Return `labels` without those that equal an entry of `removed` in name and value."""
    return {name: value for name, value in labels.items() if removed.get(name) != value}
