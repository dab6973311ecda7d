"""The metrics of all workers as one exposition; pure.

Each worker's samples get the label `worker` and are not added up: a counter that begins anew with its
worker is a reset that Prometheus understands, and a sum that falls by a part of itself is not.
"""

from collections.abc import Iterable, Mapping

from prometheus_client import Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector


def exposition(own: Collector, workers: Mapping[str, str]) -> bytes:
    """Return the metrics of `own` and of the workers, by the text that each exposes."""
    found = {family.name: family for family in own.collect()}
    for worker, text in workers.items():
        for family in text_string_to_metric_families(text):
            into = found.setdefault(
                family.name, Metric(family.name, family.documentation, family.type)
            )
            for sample in family.samples:
                labels = {**sample.labels, "worker": worker}
                into.add_sample(sample.name, labels, sample.value, sample.timestamp)
    return generate_latest(_Fixed(found.values()))


class _Fixed(Collector):
    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        """Return what was given."""
        return self._families
