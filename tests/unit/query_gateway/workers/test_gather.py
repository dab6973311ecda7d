"""The workers' metrics stand beside one another."""

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from query_gateway.workers import gather


def worker(requests: int) -> str:
    registry = CollectorRegistry()
    counter = Counter("requests_total", "Requests.", ("status",), registry=registry)
    counter.labels("200").inc(requests)
    Histogram("seconds", "Duration.", buckets=(1,), registry=registry).observe(0.5)
    return generate_latest(registry).decode()


def test_each_sample_says_whose_it_is_and_each_family_comes_once() -> None:
    own = CollectorRegistry()
    Counter("restarts_total", "Restarts.", registry=own).inc()

    text = gather.exposition(own, {"0": worker(3), "1": worker(4)}).decode()

    samples = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples[("requests_total", (("status", "200"), ("worker", "0")))] == 3
    assert samples[("requests_total", (("status", "200"), ("worker", "1")))] == 4
    assert samples[("seconds_bucket", (("le", "1.0"), ("worker", "1")))] == 1
    assert samples[("restarts_total", ())] == 1
    assert text.count("# TYPE requests_total counter") == 1
    assert text.count("# TYPE seconds histogram") == 1


def test_without_workers_our_own_remain() -> None:
    own = CollectorRegistry()
    Counter("restarts_total", "Restarts.", registry=own)

    assert b"restarts_total 0.0" in gather.exposition(own, {})
