"""Names of streams, subjects, KV buckets and keys: spelt here and nowhere else.

NATS tokens may not hold dots, blanks or wildcards, Kubernetes names may hold dots: `token` writes
every byte that is not safe as ``=XX`` (so ``.`` becomes ``=2E`` and ``=`` becomes ``=3D``), and
`untoken` reads it back. Nobody else knows of the escaping.
"""

import hashlib
import string
from typing import NamedTuple

BACKENDS = "backends"
POLICIES = "policies"
JOBS = "jobs"
LEASES = "leases"
REPORTS = "reports"
PUSHES = "pushes"
BACKFILLS = "backfills"
REVOCATIONS = "revocations"
BUCKETS = (BACKENDS, POLICIES, JOBS, LEASES, REPORTS, PUSHES, BACKFILLS, REVOCATIONS)

SAMPLES = "SAMPLES"
SAMPLES_SUBJECTS = "samples.>"
REJECTS = "REJECTS"
REJECTS_SUBJECTS = "rejects.>"
BACKFILL = "BACKFILL"
BACKFILL_SUBJECTS = "backfill.>"
LATEST = "LATEST"
LATEST_SUBJECTS = "latest.>"

PUSH_SHARDS = 16

HEADER_MSG_ID = "Nats-Msg-Id"
HEADER_WINDOW = "Tenantry-Window"
HEADER_PART = "Tenantry-Part"
HEADER_AFTER = "Tenantry-After"
HEADER_SOURCE = "Tenantry-Source"
HEADER_VERSION = "Tenantry-Version"
HEADER_SERIES = "Tenantry-Series"
HEADER_SAMPLES = "Tenantry-Samples"
HEADER_SCHEMA = "Tenantry-Schema"
HEADER_REASON = "Tenantry-Reason"
HEADER_ENDPOINT = "Tenantry-Endpoint"
HEADER_BACKFILL = "Tenantry-Backfill"

_SAFE = frozenset((string.ascii_letters + string.digits + "-_").encode())


def token(name: str) -> str:
    """Return `name` as one NATS token. Injective; raises ValueError for the empty name."""
    if not name:
        raise ValueError("an empty name has no NATS token")
    return "".join(chr(b) if b in _SAFE else f"={b:02X}" for b in name.encode())


def untoken(text: str) -> str:
    """Return the name that `token` wrote as `text`."""
    raw = bytearray()
    position = 0
    while position < len(text):
        if text[position] == "=":
            raw.append(int(text[position + 1 : position + 3], 16))
            position += 3
        else:
            raw.append(ord(text[position]))
            position += 1
    return raw.decode()


class JobRef(NamedTuple):
    """A delivery job: a MetricAccess of a tenant."""

    tenant: str
    name: str

    def __str__(self) -> str:
        return f"{self.tenant}/{self.name}"


class ShardRef(NamedTuple):
    """The part of a job that comes from one HA set."""

    job: JobRef
    shard: str

    def __str__(self) -> str:
        return f"{self.job}/{self.shard}"


def job_key(job: JobRef) -> str:
    """Key of `job` in KV `jobs`."""
    return f"{token(job.tenant)}.{token(job.name)}"


def parse_job_key(key: str) -> JobRef:
    """Return the job that `key` of KV `jobs` names."""
    tenant, name = key.split(".")
    return JobRef(untoken(tenant), untoken(name))


def report_key(job: JobRef, component: str, instance: str) -> str:
    """Key in KV `reports`."""
    return f"{job_key(job)}.{component}.{token(instance)}"


def push_key(job: JobRef, endpoint: str) -> str:
    """Key in KV `pushes` of what `job` holds at one Pushgateway."""
    return f"{job_key(job)}.{token(endpoint)}"


def revocation_key(kind: str, name: str) -> str:
    """Key in KV `revocations` of a token, credential or cluster that is not believed any more.

    `name` may come from outside.
    """
    return f"{token(kind)}.{source_token(name)}"


def backfill_key(shard: ShardRef, endpoint: str, end_ms: int) -> str:
    """Key in KV `backfills` of a span that ends there; 0: of the one that has not ended yet."""
    return f"{job_key(shard.job)}.{token(shard.shard)}.{token(endpoint)}.{end_ms}"


def backfill(shard: ShardRef, endpoint: str) -> str:
    """Subject of the batches that make up spans for one endpoint and nobody else."""
    return f"backfill.{job_key(shard.job)}.{token(shard.shard)}.{token(endpoint)}"


def collector_lease(shard: ShardRef) -> str:
    """Key in KV `leases` of the instance that collects this shard of a job."""
    return f"collector.{job_key(shard.job)}.{token(shard.shard)}"


def leader_lease(service: str) -> str:
    """Key in KV `leases` of the leading instance of `service`."""
    return f"leader.{token(service)}"


def member_lease(service: str, instance: str) -> str:
    """Key in KV `leases` by which a live instance of `service` announces itself."""
    return member_prefix(service) + token(instance)


def samples(shard: ShardRef) -> str:
    """Subject of the sample batches of one shard of a job."""
    return f"samples.{job_key(shard.job)}.{token(shard.shard)}"


def samples_of_tenant(tenant: str) -> str:
    """Pattern that matches the subjects of all batches of `tenant`."""
    return f"samples.{token(tenant)}.>"


def samples_of_job(job: JobRef) -> str:
    """Pattern that matches the subjects of all batches of `job`."""
    return f"samples.{job_key(job)}.*"


def parse_samples(subject: str) -> ShardRef:
    """Return the shard whose batches are published on `subject`."""
    _, tenant, name, shard = subject.split(".")
    return ShardRef(JobRef(untoken(tenant), untoken(name)), untoken(shard))


def push_shard(cluster_id: str) -> str:
    """Shard of a pushed job that a cluster's samples go to: one of 16, always the same."""
    return f"push-{int(source_token(cluster_id)[:8], 16) % PUSH_SHARDS}"


class LatestRef(NamedTuple):
    """Whose newest samples a message on `LATEST` holds."""

    job: JobRef
    source: str
    """`source_token` of the cluster's id."""
    part: str
    """Empty: all series that the source has. Else an id of this message, which holds some of them."""


def latest(job: JobRef, cluster_id: str, part: str = "") -> str:
    """Subject of the newest samples that a cluster pushed.

    A whole upload replaces the one before it. A remote write holds some of the series only, has an
    id as its `part`, and is added to what is there.
    """
    whole = f"latest.{job_key(job)}.{source_token(cluster_id)}"
    return f"{whole}.{token(part)}" if part else whole


def parse_latest(subject: str) -> LatestRef:
    """Return whose samples are published on `subject`."""
    _, tenant, name, source, *part = subject.split(".")
    return LatestRef(
        JobRef(untoken(tenant), untoken(name)), source, untoken(part[0]) if part else ""
    )


def rejects(job: JobRef) -> str:
    """Subject of what an endpoint of `job` refused."""
    return f"rejects.{job_key(job)}"


def writer_consumer(shard: ShardRef, endpoint: str) -> str:
    """Name of the durable consumer that delivers one shard of a job to one endpoint.

    Four tokens joined by ``_``, which is escaped inside them, so that a person can read it and no
    two shards share one.
    """
    parts = (shard.job.tenant, shard.job.name, shard.shard, endpoint)
    return "_".join(token(part).replace("_", "=5F") for part in parts)


def member_prefix(service: str) -> str:
    """What the keys of all live instances of `service` in KV `leases` begin with."""
    return f"member.{token(service)}."


def bucket_stream(bucket: str) -> str:
    """Name of the stream behind a KV bucket, as every NATS client builds it."""
    return f"KV_{bucket}"


def bucket_subject(bucket: str, key: str) -> str:
    """Subject on which `key` of a KV bucket is stored; ``>`` for all keys."""
    return f"$KV.{bucket}.{key}"


def inbox_prefix(user: str) -> str:
    """What the inboxes of a NATS user begin with, so that no other user needs to be let in there."""
    return f"_INBOX_{token(user)}" if user else "_INBOX"


def batch_id(shard: ShardRef, window_end_ms: int, part: int) -> str:
    """`Nats-Msg-Id` of one batch: a repeated publish within the duplicate window is dropped."""
    return f"{shard.job}/{shard.shard}/{window_end_ms}/{part}"


def push_batch_id(shard: ShardRef, digest: str, part: int) -> str:
    """`Nats-Msg-Id` of one part of a push, whose `digest` is that of what the cluster sent."""
    return f"{shard.job}/{shard.shard}/{digest}/{part}"


def backfill_batch_id(subject: str, request: str, window_end_ms: int, part: int) -> str:
    """`Nats-Msg-Id` of one batch that answers `request` on `subject`."""
    return f"{subject}/{request}/{window_end_ms}/{part}"


def source_token(cluster_id: str) -> str:
    """Token for an identifier from outside, which is never put into a subject raw."""
    return hashlib.sha256(cluster_id.encode()).hexdigest()[:32]
