"""The status of a MetricAccess, as it is to stand in the object, and what of it is news; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tenant_controller import conditions, progress
from tenant_controller.compile import Compiled
from tenant_controller.progress import Delivery
from tenantry_common.contracts import Report

type Status = dict[str, Any]

_MOST_SHOWN = 500  # patterns, so that the status of no object outgrows its spec
_LONGEST_SHOWN = 60_000  # characters of all patterns
_LONGEST_ERROR = 2_000
# What moves all the time while a delivery runs.
_PROGRESS = ("lastCollection", "metricsCollected", "lagSeconds", "replicas")


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What there is to say about one object."""

    compiled: Compiled
    generation: int
    """Of the object that was compiled."""
    published: bool
    """Whether what it means is what stands on NATS."""
    reports: Sequence[Report]
    """What collectors and writers say of its delivery."""


def of(seen: Seen, before: Mapping[str, Any], now_ms: int) -> Status:
    """Return the status that the object should have, which has `before`."""
    job = seen.compiled.job
    delivery = progress.of(job, seen.reports, now_ms) if job is not None else None
    found = conditions.of(seen.compiled, seen.published, delivery)
    known = before.get("conditions")
    return {
        "observedGeneration": seen.generation,
        "conditions": conditions.with_times(
            found, known if isinstance(known, list) else [], seen.generation, time(now_ms)
        ),
        "rules": len(seen.compiled.permitted.rules),
        "validatedMetrics": _validated(seen.compiled),
        "remoteWrite": _remote_write(delivery, now_ms),
    }


def time(ms: int) -> str:
    """Return RFC 3339 in whole seconds, as Kubernetes writes times."""
    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def is_news(before: Mapping[str, Any], now: Status) -> bool:
    """Whether more has changed than how far the delivery has come."""
    return _without_progress(before) != _without_progress(now)


def _without_progress(status: Mapping[str, Any]) -> Mapping[str, Any]:
    written = status.get("remoteWrite")
    if not isinstance(written, Mapping):
        return status
    kept: dict[str, Any] = {k: v for k, v in written.items() if k not in _PROGRESS}
    kept["begun"] = "lastCollection" in written
    return {**status, "remoteWrite": kept}


def _validated(compiled: Compiled) -> list[str]:
    access = compiled.entry.validated.access
    shown: list[str] = []
    room = _LONGEST_SHOWN
    for text in access.spec.metrics[:_MOST_SHOWN] if access else ():
        room -= len(text)
        if room < 0:
            break
        shown.append(text)
    return shown


def _remote_write(delivery: Delivery | None, now_ms: int) -> Status:
    if delivery is None:
        return {"active": False}
    status: Status = {
        "active": delivery.collector_reports and not delivery.collector_error,
        "metricsCollected": delivery.series,
        "replicas": [_replica(replica, now_ms) for replica in delivery.replicas],
    }
    if delivery.collected_ms:
        status["lastCollection"] = time(delivery.collected_ms)
    if delivery.delivered_ms:
        status["lagSeconds"] = _seconds(now_ms - delivery.delivered_ms)
    if delivery.last_error:
        status["lastError"] = delivery.last_error[:_LONGEST_ERROR]
    return status


def _replica(replica: progress.Replica, now_ms: int) -> Status:
    status: Status = {
        "endpoint": replica.endpoint,
        "pending": replica.pending,
        "rejected": replica.rejected,
    }
    if replica.delivered_ms:
        status["lastDelivery"] = time(replica.delivered_ms)
        status["lagSeconds"] = _seconds(now_ms - replica.delivered_ms)
    if replica.error:
        status["lastError"] = replica.error[:_LONGEST_ERROR]
    return status


def _seconds(ms: int) -> int:
    return max(0, ms // 1000)
