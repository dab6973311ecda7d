"""The dashboard that everybody looks at, and the series behind it; pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

TENANTS = tuple(f"team-{number:02}" for number in range(20))
REFRESH = 15
"""Seconds."""

_INSTANCES = 6
_CODES = ("200", "204", "404", "500", "503")
_BOUNDS = ("0.005", "0.025", "0.1", "0.5", "1", "2.5", "10", "+Inf")

PANELS = (
    "sum(rate(http_requests_total[5m]))",
    "sum by (code) (rate(http_requests_total[5m]))",
    "sum by (instance) (rate(http_requests_total[5m]))",
    'sum(rate(http_requests_total{code=~"5.."}[5m])) / sum(rate(http_requests_total[5m]))',
    'sum by (instance) (rate(http_requests_total{code=~"5.."}[5m]))',
    "topk(3, sum by (instance) (rate(http_requests_total[5m])))",
    "sum(increase(http_requests_total[1h]))",
    'rate(http_requests_total{code="200"}[5m])',
    "histogram_quantile(0.5, sum by (le) (rate(http_request_duration_seconds_bucket[5m])))",
    "histogram_quantile(0.9, sum by (le) (rate(http_request_duration_seconds_bucket[5m])))",
    "histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket[5m])))",
    "histogram_quantile(0.99, sum by (le, instance) (rate(http_request_duration_seconds_bucket[5m])))",
    'sum by (instance) (rate(http_request_duration_seconds_bucket{le="+Inf"}[5m]))',
    'sum(rate(http_request_duration_seconds_bucket{le="0.1"}[5m]))'
    ' / sum(rate(http_request_duration_seconds_bucket{le="+Inf"}[5m]))',
    "sum(up)",
    "count(up == 1) / count(up)",
    "min by (instance) (up)",
    "process_resident_memory_bytes",
    "sum(process_resident_memory_bytes)",
    "max(process_resident_memory_bytes) / 1024 / 1024",
    "avg_over_time(process_resident_memory_bytes[10m])",
    "rate(process_cpu_seconds_total[5m])",
    "sum(rate(process_cpu_seconds_total[5m]))",
    "max(rate(process_cpu_seconds_total[5m]))",
    "go_goroutines",
    "sum(go_goroutines)",
    "deriv(process_resident_memory_bytes[10m])",
    "max_over_time(go_goroutines[5m])",
    "sum(rate(http_requests_total[5m])) / sum(rate(http_requests_total[5m] offset 1h))",
    "process_resident_memory_bytes / on (instance) go_goroutines",
)


@dataclass(frozen=True)
class View:
    """How far a dashboard looks back, and the step that Grafana chooses for a panel of 1000 pixels."""

    name: str
    seconds: int
    step: int


VIEWS = (View("1h", 3600, 15), View("24h", 24 * 3600, 60))


@dataclass(frozen=True)
class Panel:
    """One range query of one tenant's dashboard."""

    tenant: str
    query: str
    view: View

    def form(self, now: int) -> Mapping[str, str]:
        """Return what Grafana asks at `now`, seconds since the epoch: start and end fit the step."""
        end = now // self.view.step * self.view.step
        start = end - self.view.seconds
        return {
            "query": self.query,
            "start": str(start),
            "end": str(end),
            "step": str(self.view.step),
        }


def panels() -> Iterator[Panel]:
    """Yield all panels of all dashboards, as their viewers refresh them: side by side."""
    for query in PANELS:
        for view in VIEWS:
            for tenant in TENANTS:
                yield Panel(tenant, query, view)


type Kind = Literal["counter", "gauge", "up"]


def series() -> Iterator[tuple[Mapping[str, str], Kind]]:
    """Yield the labels of one tenant's series, and what each is."""
    for number in range(_INSTANCES):
        instance = f"10.0.0.{number}:8080"
        for code in _CODES:
            yield {"__name__": "http_requests_total", "instance": instance, "code": code}, "counter"
        for bound in _BOUNDS:
            name = "http_request_duration_seconds_bucket"
            yield {"__name__": name, "instance": instance, "le": bound}, "counter"
        yield {"__name__": "process_cpu_seconds_total", "instance": instance}, "counter"
        yield {"__name__": "up", "instance": instance}, "up"
        for name in ("go_goroutines", "process_resident_memory_bytes"):
            yield {"__name__": name, "instance": instance}, "gauge"
