"""Every metric of the query gateway, with its meaning and what to do when it moves."""

import functools
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric
from prometheus_client.registry import Collector

_PREFIX = "tenantry_query_gateway"
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)


class Metrics:
    """The metrics of one instance."""

    def __init__(self, registry: CollectorRegistry) -> None:
        # Requests that were answered, by endpoint (`other`: not in the list) and HTTP status; 499
        # means that the client went away. Many 5xx: see refused_total for the reason.
        self.requests = Counter(
            f"{_PREFIX}_requests_total",
            "Requests answered.",
            ("endpoint", "status"),
            registry=registry,
        )
        # Seconds from a request's head to the end of its answer. Slow: compare with the backends'
        # own prometheus_http_request_duration_seconds, the rest is the gateway or the tenant.
        self.seconds = Histogram(
            f"{_PREFIX}_request_seconds",
            "Duration of requests.",
            ("endpoint",),
            buckets=_SECONDS,
            registry=registry,
        )
        # Requests by tenant (those with a policy only) and HTTP status. Who causes the load; many
        # 429: the tenant reaches its limits, see `limits.overrides`.
        self.by_tenant = Counter(
            f"{_PREFIX}_tenant_requests_total",
            "Requests answered, by tenant.",
            ("tenant", "status"),
            registry=registry,
        )
        # Requests by the mode that identified them; `none`: nothing applied, they were answered
        # 401. A mode that is never seen may be shadowed by one before it.
        self.identified = Counter(
            f"{_PREFIX}_identified_total",
            "Requests by mode of identification.",
            ("mode",),
            registry=registry,
        )
        # Readings of what identities depend on, by source (`keys` of an issuer, `api-keys`,
        # `reviews` of Kubernetes) and whether they failed. Failing: identification goes on with
        # what was known, until that is too old, and then is answered 503.
        self.identity_reads = Counter(
            f"{_PREFIX}_identity_reads_total",
            "Readings of key sets, key files and reviews.",
            ("source", "outcome"),
            registry=registry,
        )
        # Requests that were not answered, by reason (`failures.Kind`). `policies` and `backends`
        # are ours to mend, `violation` is a bug, the rest is what tenants ask.
        self.refused = Counter(
            f"{_PREFIX}_refused_total",
            "Requests refused or failed.",
            ("reason",),
            registry=registry,
        )
        # Answers of backends, by backend and status; `failed` is none or a broken one. A backend
        # that only fails while discovery calls it healthy: look at the network between.
        self.upstream = Counter(
            f"{_PREFIX}_upstream_requests_total",
            "Requests to backends.",
            ("backend", "status"),
            registry=registry,
        )
        # Answers that held a series which the tenant must not see and were therefore not
        # delivered. Anything above 0 is a bug in enforcement or in a backend: report it.
        self.violations = Counter(
            f"{_PREFIX}_violations_total",
            "Answers withheld because they were wider than the tenant's rules.",
            ("endpoint",),
            registry=registry,
        )
        # Answers to queries that only choose among series, and were chosen to be checked
        # (`checked_share`), by what became of that: `permitted`, or `too long` for limits.buffered_bytes and so passed on unchecked.
        self.checked = Counter(
            f"{_PREFIX}_checked_total",
            "Streamed answers chosen to be checked against the rules.",
            ("outcome",),
            registry=registry,
        )
        # Steps of range queries by what became of them: `kept` came from the cache, `missed` from a
        # backend; and whole requests that were `shared` with an equal one. Few kept: dashboards ask
        # with steps of their own, or `cache.memory_bytes` is small.
        self.cached = Counter(
            f"{_PREFIX}_cache_steps_total",
            "Steps of range queries that could be cached.",
            ("outcome",),
            registry=registry,
        )
        # Records of the shared cache by operation (`get`, `put`) and what became of them. `failed`:
        # Redis is away, slow or full, the log says which; `paused` follows it. `refused` above 0:
        # somebody else writes there, or a gateway has another key. `too large`: `cache.redis.entry_bytes`.
        self.shared = Counter(
            f"{_PREFIX}_shared_cache_records_total",
            "Records read from and written to the shared cache.",
            ("operation", "outcome"),
            registry=registry,
        )
        # Answers that ended before their end, by endpoint: the backend or the tenant stalled or
        # went away in the middle.
        self.broken_off = Counter(
            f"{_PREFIX}_broken_off_total",
            "Streamed answers that were broken off.",
            ("endpoint",),
            registry=registry,
        )
        self._policies = Gauge(
            f"{_PREFIX}_policies",
            "Tenants with a policy.",  # 0 with tenants: the tenant-controller does not publish
            registry=registry,
        )
        self._policies_age = Gauge(
            f"{_PREFIX}_policies_unconfirmed_seconds",
            # Above 0: NATS is away. At policies_stale_seconds every request is answered 503.
            "Seconds for which nothing has confirmed the policies.",
            registry=registry,
        )
        self._backends = Gauge(
            f"{_PREFIX}_backends",
            "Backends known.",  # 0: discovery finds none or does not publish
            registry=registry,
        )
        self._healthy = Gauge(
            f"{_PREFIX}_backends_healthy",
            "Backends that discovery calls healthy.",  # 0: every query is answered 503
            registry=registry,
        )
        self._waiting = Gauge(
            f"{_PREFIX}_waiting_requests",
            "Requests that wait for a place.",  # rising: a tenant asks more than it may
            registry=registry,
        )
        self._active = Gauge(
            f"{_PREFIX}_tenants_active",
            "Tenants with a request under way or waiting.",
            registry=registry,
        )
        registry.register(_NamesOfAdobe(self))

    def answered(self, endpoint: str, tenant: str, status: int, seconds: float) -> None:
        """Count one request; `tenant` is empty unless it is one with a policy."""
        text = str(status)
        _child(self.requests, endpoint, text).inc()
        _child(self.seconds, endpoint).observe(seconds)
        if tenant:
            _child(self.by_tenant, tenant, text).inc()

    def asked(self, backend: str, status: str) -> None:
        """Count one answer of a backend, or that it failed."""
        _child(self.upstream, backend, status).inc()

    def stepped(self, outcome: str, steps: int) -> None:
        """Count steps of a range query; a request that was shared counts as one."""
        _child(self.cached, outcome).inc(steps)

    def shared_cache(self, operation: str, outcome: str, records: int) -> None:
        """Count records that were read from, or written to, the store that gateways share."""
        _child(self.shared, operation, outcome).inc(records)

    def identified_by(self, mode: str) -> None:
        """Count one request by the mode that identified it."""
        _child(self.identified, mode).inc()

    def watch(
        self,
        *,
        policies: Callable[[], float],
        policies_age: Callable[[], float],
        backends: Callable[[], float],
        healthy: Callable[[], float],
        waiting: Callable[[], float],
        active: Callable[[], float],
    ) -> None:
        """Read the gauges from these functions whenever the metrics are scraped."""
        self._policies.set_function(policies)
        self._policies_age.set_function(policies_age)
        self._backends.set_function(backends)
        self._healthy.set_function(healthy)
        self._waiting.set_function(waiting)
        self._active.set_function(active)

    def shown_elsewhere(self) -> dict[str, Counter | Gauge | Histogram]:
        """Return the metrics that adobe/prometheus-multi-tenant-proxy has too, by its names."""
        return {
            "requests": self.requests,
            "request_duration_seconds": self.seconds,
            "backend_requests": self.upstream,
            "targets_discovered": self._backends,
            "tenants_active": self._policies,
        }


@functools.lru_cache(maxsize=4096)
def _child[T: (Counter, Histogram)](metric: T, *labels: str) -> T:
    """Return the metric with these labels; `labels` takes a lock, and ten times as long."""
    return metric.labels(*labels)


class _NamesOfAdobe(Collector):
    """The same figures under the names of adobe's proxy, so that its dashboards go on."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        """Return our metrics, renamed."""
        for name, metric in self._metrics.shown_elsewhere().items():
            yield from (_renamed(family, f"prometheus_proxy_{name}") for family in metric.collect())


def _renamed(family: Metric, name: str) -> Metric:
    copy = Metric(name, family.documentation, family.type)
    for sample in family.samples:
        copy.add_sample(
            name + sample.name.removeprefix(family.name),
            sample.labels,
            sample.value,
            sample.timestamp,
            sample.exemplar,
        )
    return copy
