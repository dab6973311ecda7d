"""What becomes of the labels of a pushed series, remembered by their bytes; no input or output.

Most of what clusters push differs in the cluster's id alone. Where nothing but the id itself depends
on it, a series is remembered without its id, once for all clusters, and the id is put back between
two pieces of encoded labels. So what is remembered grows with the kinds of series, not with the
number of clusters, and a hostile id costs no memory.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from receiver import checks
from receiver.refusal import Reason
from tenantry_common import contracts, errors, label_steps, protowire, pushed, relabel, remote_write
from tenantry_common.contracts import DeliveryJob, PushPolicy
from tenantry_promql import Matcher, RuleSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What becomes of series with certain labels."""

    reason: Reason | None = None
    """Why they are rejected."""
    permitted: bool = False
    """Whether they are stored; neither rejected nor permitted ones are left out without a word."""
    head: bytes = b""
    """Encoded labels in front of the cluster's id, or all of them."""
    tail: bytes | None = None
    """Encoded labels behind the id; None: the id has no place of its own."""
    name: str = ""
    """Their name, as it is stored."""
    id: str | None = None
    """Cluster that the labels name; None: they name none."""


_LEFT_OUT = Verdict()
_LONGEST_LABEL = 2 * checks.LONGEST + 16  # bytes of a field
_USUAL_SIZE = 600  # bytes
_OVERHEAD = 250


class Rulings:
    """What one job makes of labels. Raises ValueError for a job that does not compile."""

    def __init__(self, job: DeliveryJob, policy: PushPolicy, salt: bytes) -> None:
        self.id_label = policy.id_label
        self._rules = RuleSet(tuple(Matcher(m.label, m.op, m.value) for m in r) for r in job.rules)
        self._check = checks.of(policy)
        self._relabeling = relabel.Relabeling(job.relabelings) if job.relabelings else None
        self._labels = dict(policy.labels)
        self._steps = label_steps.compile(
            job.steps, salt, added=job.extra_labels, honor=job.honor_labels
        )
        self.shared = not (
            self._relabeling
            or policy.id_label in job.extra_labels
            or policy.id_label in job.steps.anonymise
            or any(m.label == policy.id_label for rule in job.rules for m in rule)
        )
        """Whether what becomes of a series depends on the cluster's id nowhere but at the id."""

    def judge(self, label_bytes: bytes, cluster: str) -> Verdict:
        """Return the verdict on a series that `cluster` pushed, or that is pushed without an id.

        Raises `errors.Undecodable`.
        """
        if _is_oversized(label_bytes):  # before it is decoded, because parts are remembered there
            return Verdict(reason=Reason.TOO_LONG)
        labels = remote_write.decode_labels(label_bytes)
        named = labels.get(self.id_label)
        identified = {**labels, **self._labels, self.id_label: cluster}
        if (reason := self._check(identified)) is not None:
            return Verdict(reason=reason, id=named)
        if not self._rules.matches(identified):
            return Verdict(id=named) if named is not None else _LEFT_OUT
        return self._permitted(identified, cluster, named)

    def _permitted(self, labels: Mapping[str, str], cluster: str, named: str | None) -> Verdict:
        relabelled = self._relabeling.apply(labels) if self._relabeling else labels
        final = self._steps(relabelled) if relabelled is not None else {}
        name = final.get(label_steps.NAME)
        if not name:
            return Verdict(id=named) if named is not None else _LEFT_OUT
        if not self.shared or self.id_label not in final:
            whole = remote_write.encode_labels(final)
            return Verdict(permitted=True, head=whole, name=name, id=named)
        before = {key: value for key, value in final.items() if key < self.id_label}
        behind = {key: value for key, value in final.items() if key > self.id_label}
        return Verdict(
            permitted=True,
            head=remote_write.encode_labels(before),
            tail=remote_write.encode_labels(behind),
            name=name,
            id=named,
        )


def _is_oversized(label_bytes: bytes) -> bool:
    """Return whether a label is longer than any that passes the checks, or they are far too many."""
    if len(label_bytes) <= _LONGEST_LABEL:
        return False
    fields = protowire.fields(label_bytes, 0, len(label_bytes))
    return len(label_bytes) > _LONGEST_LABEL * checks.MOST_LABELS or any(
        field.end - field.entry > _LONGEST_LABEL for field in fields
    )


class Memory:
    """Verdicts by their keys, in two generations: the older one goes when the newer one is full."""

    def __init__(self, limit: int) -> None:
        """Remember some `limit` verdicts of the usual size, or as many as take so much memory."""
        self._half = max(1, limit * _USUAL_SIZE // 2)
        self._size = 0
        self.newer: dict[bytes, Verdict] = {}
        self._older: dict[bytes, Verdict] = {}

    def __len__(self) -> int:
        return len(self.newer) + len(self._older)

    def get(self, key: bytes) -> Verdict | None:
        """Return what is remembered, and keep it for longer."""
        found = self.newer.get(key)
        if found is None and (found := self._older.pop(key, None)) is not None:
            self.put(key, found)
        return found

    def put(self, key: bytes, verdict: Verdict) -> None:
        """Remember a verdict."""
        size = _OVERHEAD + len(key) + len(verdict.head) + len(verdict.tail or b"")
        if self._size + size > self._half:
            self._older, self.newer = self.newer, {}
            self._size = 0
        self._size += size
        self.newer[key] = verdict


class Foreign(Exception):
    """A series names another cluster than the one that pushes. Refuse the whole push."""


class Court:
    """The verdicts on what one cluster pushes to one job, found or made."""

    def __init__(self, rulings: Rulings, version: bytes, memory: Memory, cluster: str) -> None:
        """`version` tells the job, as it is now, from all others that share the memory."""
        self.id = pushed.label(rulings.id_label.encode(), cluster.encode())
        """The label that holds the id, encoded."""
        self.prefix = version if rulings.shared else version + self.id
        """What keys in the memory begin with."""
        self._rulings = rulings
        self._memory = memory
        self._cluster = cluster

    @property
    def known(self) -> Mapping[bytes, Verdict]:
        """Some of the verdicts that are remembered, by their keys."""
        return self._memory.newer

    def find(self, key: bytes, *, stripped: bool) -> Verdict:
        """Return the verdict on the labels behind the prefix of `key`.

        `stripped`: whether the cluster's id was taken out of them. Raises `Foreign` and
        `errors.Undecodable`.
        """
        verdict = self._memory.get(key)
        if verdict is None:
            verdict = self._rulings.judge(key[len(self.prefix) :], self._cluster)
            self._memory.put(key, verdict)
        if verdict.id is not None and (stripped or verdict.id != self._cluster):
            if stripped:
                raise errors.Undecodable(f"label {self._rulings.id_label} stands there twice")
            raise Foreign
        return verdict


def version(job: DeliveryJob, salt: bytes) -> bytes:
    """Return what tells the verdicts of a job from those of others and of its other versions."""
    return bytes.fromhex(contracts.digest((contracts.encode(job), salt)))
