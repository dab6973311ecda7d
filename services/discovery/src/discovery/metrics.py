"""What discovery counts."""

from collections.abc import Collection

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from discovery.files import File
from tenantry_common.contracts import Backend


class Metrics:
    """The metrics of one instance."""

    def __init__(self, registry: CollectorRegistry) -> None:
        # Gauge by state (healthy, unhealthy). Backends as this instance sees them. Unhealthy ones
        # have a reason in /debug/targets; when the number drops, look at the sources.
        self.backends = Gauge(
            "tenantry_discovery_backends", "Backends", ["state"], registry=registry
        )
        # Gauge. HA sets, that is shards of the estate. More than you run: backends are not
        # recognised as replicas of one another; compare their external labels.
        self.ha_sets = Gauge("tenantry_discovery_ha_sets", "HA sets", registry=registry)
        # Gauge by state (ok, broken). Files of the sources. Broken ones keep their last targets;
        # the log and /debug/targets name the place.
        self.files = Gauge(
            "tenantry_discovery_files", "Files with targets", ["state"], registry=registry
        )
        # Gauge. Reasons why what is known of the sources may be out of date: folders that cannot be
        # listed, an API server that does not answer. /readyz names them.
        self.problems = Gauge(
            "tenantry_discovery_source_problems", "Sources out of reach", registry=registry
        )
        # Gauge. Objects and targets that are not used; the log and /debug/targets say why.
        self.warnings = Gauge(
            "tenantry_discovery_warnings", "Objects and targets not used", registry=registry
        )
        # Counter by outcome (ready, not_ready). Probes that ended. not_ready grows while a backend
        # is down.
        self.probes = Counter(
            "tenantry_discovery_probes_total", "Probes", ["outcome"], registry=registry
        )
        # Histogram. Seconds that a probe took. Near the time-out: a backend is overloaded.
        self.probe_seconds = Histogram(
            "tenantry_discovery_probe_seconds", "Duration of a probe", registry=registry
        )
        # Counter by what (put, delete). Writes to KV `backends`. Steady growth without changes of
        # the estate: a backend flaps, see its reason.
        self.writes = Counter(
            "tenantry_discovery_writes_total", "Writes to KV backends", ["what"], registry=registry
        )
        # Gauge. 1 on the instance that publishes. The sum over all instances must be 1.
        self.leader = Gauge(
            "tenantry_discovery_leader", "Whether this instance publishes", registry=registry
        )

    def show(self, backends: Collection[Backend], files: Collection[File]) -> None:
        """Set the gauges that describe the estate."""
        healthy = sum(backend.healthy for backend in backends)
        self.backends.labels("healthy").set(healthy)
        self.backends.labels("unhealthy").set(len(backends) - healthy)
        self.ha_sets.set(len({backend.ha_set for backend in backends}))
        broken = sum(bool(file.problem) for file in files)
        self.files.labels("broken").set(broken)
        self.files.labels("ok").set(len(files) - broken)
