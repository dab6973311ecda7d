"""What the tenant-controller counts."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from tenant_controller.compile import Desired


class Metrics:
    """The metrics of one instance."""

    def __init__(self, registry: CollectorRegistry) -> None:
        # Gauge by state (valid, invalid). MetricAccess objects. Invalid ones grant nothing; the
        # log and /debug/tenants say why.
        self.objects = Gauge(
            "tenantry_tenant_controller_objects", "Objects", ["state"], registry=registry
        )
        # Gauge by severity (error, warning). Problems of all objects and files.
        self.problems = Gauge(
            "tenantry_tenant_controller_problems", "Problems", ["severity"], registry=registry
        )
        # Gauge. Tenants with a policy, those that are permitted nothing among them.
        self.tenants = Gauge("tenantry_tenant_controller_tenants", "Tenants", registry=registry)
        # Gauge. Deliveries. Fewer than objects with remoteWrite.enabled: some have problems.
        self.jobs = Gauge("tenantry_tenant_controller_jobs", "Delivery jobs", registry=registry)
        # Histogram. Seconds that reading and compiling everything took. Above a second, changes
        # take effect late; look for objects with thousands of rules.
        self.compile_seconds = Histogram(
            "tenantry_tenant_controller_compile_seconds", "Duration of a compile", registry=registry
        )
        # Counter. Compiles that failed with an error of ours; what was published stays. Report it
        # with the log.
        self.failures = Counter(
            "tenantry_tenant_controller_compile_failures_total", "Failures", registry=registry
        )
        # Counter by bucket (policies, jobs) and what (put, delete). Writes to NATS. Growing without
        # edits: two platforms, or two configurations, share one NATS.
        self.writes = Counter(
            "tenantry_tenant_controller_writes_total",
            "Writes to KV",
            ["bucket", "what"],
            registry=registry,
        )
        # Gauge. 1 on the instance that publishes. The sum over all instances must be 1.
        self.leader = Gauge(
            "tenantry_tenant_controller_leader",
            "Whether this instance publishes",
            registry=registry,
        )

        # Counter by result (written, conflict, failed). Writes of objects' status, with the source
        # kubernetes. `failed`: the log says why; conflicts are tried again and harmless.
        self.status_writes = Counter(
            "tenantry_tenant_controller_status_writes_total",
            "Writes of status",
            ["result"],
            registry=registry,
        )
        # Counter by result (written, failed). Events on objects; a failed one is not made up.
        self.events = Counter(
            "tenantry_tenant_controller_events_total", "Events", ["result"], registry=registry
        )
        # Gauge. 1 while the source of the objects can be read. 0: nothing new takes effect, what was
        # known stays; /readyz says why.
        self.source_up = Gauge(
            "tenantry_tenant_controller_source_up",
            "Whether the source can be read",
            registry=registry,
        )
        # Counter by answer (allowed, refused, error) of the admission webhook. `error`: a request
        # that is none.
        self.reviews = Counter(
            "tenantry_tenant_controller_admission_reviews_total",
            "Admission reviews",
            ["answer"],
            registry=registry,
        )

    def show(self, desired: Desired) -> None:
        """Set the gauges that describe what is wanted."""
        valid = sum(compiled.is_valid for compiled in desired.objects)
        self.objects.labels("valid").set(valid)
        self.objects.labels("invalid").set(len(desired.objects) - valid)
        errors = sum(finding.is_error for finding in desired.findings)
        self.problems.labels("error").set(errors)
        self.problems.labels("warning").set(len(desired.findings) - errors)
        self.tenants.set(len(desired.policies))
        self.jobs.set(len(desired.jobs))
