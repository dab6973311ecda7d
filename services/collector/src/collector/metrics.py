"""Metrics of the collector. What a single job does stands in its reports, not in labels here."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class Metrics:
    """All metrics of one collector, registered in `registry`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        # Gauge: shards whose lease this instance holds. All instances together must add up to jobs
        # times HA sets; less means that leases cannot be taken: look at the logs for NATS.
        self.shards = Gauge(
            "tenantry_collector_shards", "Shards of jobs that this instance collects.",
            registry=registry,
        )  # fmt: skip
        # Gauge: seconds since the end of the last published window, of the shard that is furthest
        # behind. About its interval plus settle_seconds is normal; growth means that a source or
        # NATS is away, or that this instance has too much to do: see windows_total and fetch_seconds.
        self.lag = Gauge(
            "tenantry_collector_lag_seconds", "Age of the oldest last window of all shards.",
            registry=registry,
        )  # fmt: skip
        # Counter: windows by what became of them. `failed` repeats until a source answers (the
        # reports say why), `too_large` makes shorter windows, `fenced` is a lease that was lost.
        self.windows = Counter(
            "tenantry_collector_windows", "Windows by outcome.", ["outcome"], registry=registry
        )
        # Counters: what was published. Compare with what the writers deliver.
        self.series = Counter(
            "tenantry_collector_published_series", "Series in published windows.", registry=registry
        )
        self.samples = Counter(
            "tenantry_collector_published_samples", "Samples published.", registry=registry
        )
        self.batches = Counter(
            "tenantry_collector_published_batches", "Messages published.", registry=registry
        )
        self.bytes = Counter(
            "tenantry_collector_published_bytes", "Compressed bytes published.", registry=registry
        )
        # Counter: series of answers that are not delivered. `relabelled` is what tenants ask for.
        # `forbidden` comes from sources that answer more than was asked, and should be none but for
        # stored labels that equal an external label; `unreadable` from sources that are broken.
        self.dropped = Counter(
            "tenantry_collector_dropped_series", "Series not delivered, per window.", ["reason"],
            registry=registry,
        )  # fmt: skip
        # Counter: series that became equal to another one by relabelling, and of which only the
        # first was delivered. The job's relabelings or extra labels take away too much.
        self.collisions = Counter(
            "tenantry_collector_collisions", "Series lost to an equal one, per window.",
            registry=registry,
        )  # fmt: skip
        # Counter: samples that the source stored after their window had been read. `delivered` were
        # found in the overlap; `refused` are lost, because newer ones of their series are published:
        # raise settle_seconds above the slowest scrape.
        self.late = Counter(
            "tenantry_collector_late_samples", "Samples that came late.", ["outcome"],
            registry=registry,
        )  # fmt: skip
        # Counter: windows that took longer than the job's interval. Those that came due meanwhile
        # are collected at once: raise the interval, or see fetch_seconds.
        self.slow = Counter(
            "tenantry_collector_slow_windows", "Windows longer in work than their interval.",
            registry=registry,
        )  # fmt: skip
        # Counter: intervals of jobs with `collection: latest` of which nothing was collected, because
        # a newer one had ended when it was their turn.
        self.skipped = Counter(
            "tenantry_collector_skipped_intervals", "Intervals skipped for a newer one.",
            registry=registry,
        )  # fmt: skip
        # Counter: windows for which a replica answered noticeably less than another one, which is
        # read from then on. It was down or cut off from its targets.
        self.holes = Counter(
            "tenantry_collector_replica_holes", "Windows in which a replica had a hole.", ["backend"],
            registry=registry,
        )  # fmt: skip
        # Counter: seconds of samples that were older than a job's lookback when they could have
        # been collected, and are not delivered. Any growth is a loss: raise `lookback`, or find out
        # what was away for so long.
        self.lost_seconds = Counter(
            "tenantry_collector_lost_seconds", "Time that was not made up.", registry=registry
        )
        # Counter: samples published once more for endpoints that the stream went on without.
        self.backfilled_samples = Counter(
            "tenantry_collector_backfilled_samples", "Samples published for one endpoint each.",
            registry=registry,
        )  # fmt: skip
        # Counter: seconds of what such endpoints missed for which no source held anything. Their
        # retention is too short, or there never was anything.
        self.backfill_empty_seconds = Counter(
            "tenantry_collector_backfill_empty_seconds", "Time for which sources held nothing.",
            registry=registry,
        )  # fmt: skip
        # Histogram: seconds until a source's whole answer was there. Nearing
        # fetch_timeout_seconds: the source is overloaded, or intervals are too long for it.
        self.fetch_seconds = Histogram(
            "tenantry_collector_fetch_seconds", "Duration of reads.", ["backend"],
            buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30), registry=registry,
        )  # fmt: skip
        # Counter: bytes of answers after decompression; with fetch_seconds the throughput of sources.
        self.answer_bytes = Counter(
            "tenantry_collector_answer_bytes", "Bytes read from sources.", ["backend"],
            registry=registry,
        )  # fmt: skip
        # Counter: requests that a source did not answer. Another replica is asked, then the window
        # is tried again; look at the backend when it goes on.
        self.failures = Counter(
            "tenantry_collector_fetch_failures", "Remote reads that failed.", ["backend"],
            registry=registry,
        )  # fmt: skip
        # Counter: windows from which on another replica of an HA set answers. Each is a source
        # that failed; samples stay exact but come at other moments.
        self.switches = Counter(
            "tenantry_collector_replica_switches", "Changes of the replica that is read.",
            registry=registry,
        )  # fmt: skip
        # Counter: rounds that ended in an error nobody expected. A bug: the log has the traceback.
        self.errors = Counter(
            "tenantry_collector_errors", "Unexpected errors at the top of a loop.",
            registry=registry,
        )  # fmt: skip
