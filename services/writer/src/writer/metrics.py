"""Every metric of the writer: kind, meaning, and what to do when it moves.

Labels `tenant`, `job` and `endpoint` are bounded by the jobs that exist; what belongs to a job that
is gone is removed with `forget`.
"""

from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_PER_ENDPOINT = ("tenant", "job", "endpoint")
_LATENCY_BUCKETS = (1, 2.5, 5, 10, 15, 20, 30, 45, 60, 120, 300, 900, 3600, 21600)


class Target(NamedTuple):
    """The labels of one endpoint of one job."""

    tenant: str
    job: str
    endpoint: str


class Metrics:
    """The writer's metrics, registered where the ops port serves them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        # Counter. Batches that an endpoint has settled. Standing still while the lag grows: see
        # retries and the report's last_error.
        self.batches = Counter(
            "tenantry_writer_batches",
            "Batches that the endpoint has stored or judged.",
            _PER_ENDPOINT,
            registry=registry,
        )
        # Counter. Samples that the endpoint has stored, by what the batches' headers say.
        self.samples = Counter(
            "tenantry_writer_samples",
            "Samples that the endpoint has stored.",
            _PER_ENDPOINT,
            registry=registry,
        )
        # Counter. Compressed bytes of settled batches.
        self.bytes = Counter(
            "tenantry_writer_bytes",
            "Compressed bytes of batches that the endpoint has stored or judged.",
            _PER_ENDPOINT,
            registry=registry,
        )
        # Counter. Requests that did not succeed, by what is done about it: retry (the endpoint is
        # away or overloaded: look at it), split (it refuses something in the batch: see
        # rejected), config (wrong URL or not a receiver: correct the MetricAccess), credentials
        # (correct the secret).
        self.failures = Counter(
            "tenantry_writer_failed_requests",
            "Requests that did not succeed.",
            (*_PER_ENDPOINT, "kind"),
            registry=registry,
        )
        # Counter. Series lost to an endpoint because it refuses them, by cause: time (another
        # sender writes the same series, or the endpoint's clock is off), size, invalid, unknown.
        # Read stream REJECTS for the series and the endpoint's words.
        self.rejected = Counter(
            "tenantry_writer_rejected_series",
            "Series of batches that the endpoint refused for good.",
            (*_PER_ENDPOINT, "cause"),
            registry=registry,
        )
        # Counter. Series that the endpoint refused because it has them: a batch was delivered
        # twice around a crash. Nothing to do; if it grows steadily, writers lose NATS or die.
        self.already_stored = Counter(
            "tenantry_writer_already_stored_series",
            "Series of redelivered batches that the endpoint had already.",
            _PER_ENDPOINT,
            registry=registry,
        )
        # Counter. Batches left to others because the connection to NATS was away for too long
        # while they were under way. They are delivered again; look at NATS.
        self.lost = Counter(
            "tenantry_writer_lost_batches",
            "Batches whose hand-out ran out while they were being delivered.",
            _PER_ENDPOINT,
            registry=registry,
        )
        # Counter. Spans that left the stream before the endpoint took them. The report names them
        # until they are made up; enlarge nats.samples_max_age_seconds if endpoints may be away
        # for that long.
        self.gaps = Counter(
            "tenantry_writer_gaps",
            "Spans that left the stream before the endpoint took them.",
            _PER_ENDPOINT,
            registry=registry,
        )
        # Counter. Samples that were delivered later, because the stream had gone on without the
        # endpoint.
        self.made_up = Counter(
            "tenantry_writer_made_up_samples",
            "Samples of backfills that the endpoint has stored.",
            _PER_ENDPOINT,
            registry=registry,
        )
        # Counter. Seconds of such spans that could not be made up: older than the job's `lookback`
        # (raise it), the source holds nothing (its retention, or there never was anything), or they
        # were pushed (give the stream room for longer: `nats.samples_max_age_seconds`).
        self.missed = Counter(
            "tenantry_writer_missed_seconds",
            "Time of gaps that was not made up.",
            (*_PER_ENDPOINT, "reason"),
            registry=registry,
        )
        # Gauge. Seconds between now and the end of the last window that this instance settled, at
        # the worst shard. Two instances share a lane: take the minimum over instances.
        self.lag = Gauge(
            "tenantry_writer_lag_seconds",
            "Age of the end of the last delivered window.",
            _PER_ENDPOINT,
            registry=registry,
        )
        # Gauge. Batches that wait, all shards together. Grows while the endpoint is away; at
        # nats.samples_max_per_subject the oldest are lost to it.
        self.pending = Gauge(
            "tenantry_writer_pending_batches",
            "Batches that wait for the endpoint.",
            _PER_ENDPOINT,
            registry=registry,
        )
        # Histogram. From the end of a batch's window to the endpoint's word. The floor is what the
        # collector waits for late scrapes plus the fetch.
        self.latency = Histogram(
            "tenantry_writer_latency_seconds",
            "Time from the end of a window to its delivery.",
            _PER_ENDPOINT,
            buckets=_LATENCY_BUCKETS,
            registry=registry,
        )
        # Gauge. Lanes (shard and endpoint) that this instance asks for.
        self.lanes = Gauge(
            "tenantry_writer_lanes", "Lanes that this instance asks for.", registry=registry
        )
        # Counter. Failures inside the writer itself, logged with their traceback: report a bug.
        self.errors = Counter(
            "tenantry_writer_errors", "Unexpected failures of a loop.", registry=registry
        )
        self._per_endpoint = (
            self.batches,
            self.samples,
            self.bytes,
            self.failures,
            self.rejected,
            self.already_stored,
            self.lost,
            self.gaps,
            self.made_up,
            self.missed,
            self.lag,
            self.pending,
            self.latency,
        )

    def forget(self, target: Target) -> None:
        """Remove what was counted for an endpoint that is gone from this instance."""
        for metric in self._per_endpoint:
            metric.remove_by_labels(target._asdict())
