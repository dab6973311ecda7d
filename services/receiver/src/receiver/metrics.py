"""What the receiver counts. Clusters are no labels: there may be thousands."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """The metrics of one instance."""

    def __init__(self, registry: CollectorRegistry) -> None:
        # counter: requests answered. 401 and 403: tokens; 429: clients that push too often; 503:
        # NATS or the authorisation service is away, and clients try again.
        self.requests = Counter(
            "tenantry_receiver_requests_total",
            "Requests answered, by endpoint and status.",
            ["endpoint", "status"],
            registry=registry,
        )
        # histogram: from the request's head to its answer, the client's sending included.
        self.seconds = Histogram(
            "tenantry_receiver_request_seconds",
            "Time from the head of a request to its answer.",
            ["endpoint"],
            buckets=_SECONDS,
            registry=registry,
        )
        # counter: what was stored, by job. Standing still while requests are answered 200: look at
        # the allow-list.
        self.samples = Counter(
            "tenantry_receiver_samples_total",
            "Samples stored on the stream.",
            ["tenant", "job"],
            registry=registry,
        )
        # counter: samples that the job's rules do not permit; no fault in itself.
        self.left_out = Counter(
            "tenantry_receiver_samples_left_out_total",
            "Samples that the allow-list does not permit.",
            ["tenant", "job"],
            registry=registry,
        )
        # counter: samples refused for what they are. Look at stream REJECTS for some of them.
        self.rejected = Counter(
            "tenantry_receiver_samples_rejected_total",
            "Samples rejected while the rest of their push was stored, by reason.",
            ["tenant", "job", "reason"],
            registry=registry,
        )
        # counter: bytes of bodies as they arrived.
        self.bytes = Counter(
            "tenantry_receiver_bytes_total",
            "Bytes of decompressed bodies.",
            ["endpoint"],
            registry=registry,
        )
        # counter: `failed` while an authorisation service, key file or credential file cannot be
        # read; what was known before is used.
        self.identity_reads = Counter(
            "tenantry_receiver_identity_reads_total",
            "Reads of keys, credentials and answers of the authorisation service, by result.",
            ["source", "result"],
            registry=registry,
        )
        # counter: a loop failed and went on. Should be 0; the log has the traceback.
        self.errors = Counter(
            "tenantry_receiver_errors_total",
            "Failures of our own code.",
            registry=registry,
        )
        self._registry = registry

    def watch(
        self,
        *,
        jobs: Callable[[], float],
        broken: Callable[[], float],
        remembered: Callable[[], float],
        pushes: Callable[[], float],
    ) -> None:
        """Show these numbers as they are whenever they are asked for."""
        for name, text, value in (
            ("jobs", "Jobs that take pushes.", jobs),
            # Above 0: /debug/push says why, and clusters of those jobs are answered 503.
            ("broken_jobs", "Jobs that should take pushes and cannot.", broken),
            ("remembered_series", "Kinds of series that are remembered.", remembered),
            # Near limits.pushes: the instance is at its limit.
            ("pushes", "Pushes that are worked on.", pushes),
        ):
            Gauge(f"tenantry_receiver_{name}", text, registry=self._registry).set_function(value)
