"""What the receiver counts."""

from prometheus_client import CollectorRegistry


class Metrics:
    """The metrics of one instance."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
