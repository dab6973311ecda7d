"""The conditions of a MetricAccess: what is so, why, and since when; pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tenant_controller.compile import Compiled
from tenant_controller.progress import Delivery
from tenantry_common.contracts import Problem

type Truth = Literal["True", "False", "Unknown"]
type Name = Literal["Ready", "Valid", "Collecting", "Delivering", "BoundaryApplied"]

NAMES: tuple[Name, ...] = ("Ready", "Valid", "Collecting", "Delivering", "BoundaryApplied")

_NOT_REQUESTED = "NotRequested"
_NOT_ENABLED = "spec.remoteWrite is not enabled"
_MOST_PROBLEMS = 20
_LONGEST = 8_000  # characters; Kubernetes allows 32,768


@dataclass(frozen=True)
class Condition:
    """One condition as it is now, without its history."""

    name: Name
    status: Truth
    reason: str
    """One word in CamelCase."""
    message: str


def of(compiled: Compiled, published: bool, delivery: Delivery | None) -> tuple[Condition, ...]:
    """Return all conditions, in the order of `NAMES`.

    `published`: whether what the object means is what stands on NATS.
    """
    valid = _valid(compiled)
    collecting = _collecting(compiled, delivery)
    delivering = _delivering(compiled, delivery)
    ready = _ready(valid, published, collecting, delivering)
    return ready, valid, collecting, delivering, _boundary(compiled)


def with_times(
    conditions: Iterable[Condition], before: Sequence[Mapping[str, Any]], generation: int, now: str
) -> list[dict[str, Any]]:
    """Return the conditions as they stand in `status`; `now` is RFC 3339."""
    since = {
        (known.get("type"), known.get("status")): known.get("lastTransitionTime")
        for known in before
    }
    return [
        {
            "type": condition.name,
            "status": condition.status,
            "observedGeneration": generation,
            "lastTransitionTime": since.get((condition.name, condition.status)) or now,
            "reason": condition.reason,
            "message": condition.message,
        }
        for condition in conditions
    ]


def _valid(compiled: Compiled) -> Condition:
    problems = compiled.entry.validated.problems
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors:
        return Condition("Valid", "False", "Invalid", _listed(errors))
    if problems:
        return Condition("Valid", "True", "ValidWithWarnings", _listed(problems))
    return Condition("Valid", "True", "Valid", "")


def _boundary(compiled: Compiled) -> Condition:
    if not compiled.is_valid:
        return Condition("BoundaryApplied", "Unknown", "Invalid", "the object grants nothing")
    if not compiled.bounded:
        message = "no boundary of the platform covers this namespace"
        return Condition("BoundaryApplied", "False", "NoBoundary", message)
    if not compiled.cuts:
        message = "the platform's boundary leaves all of it"
        return Condition("BoundaryApplied", "True", "NothingCut", message)
    return Condition("BoundaryApplied", "True", "Narrowed", _listed(compiled.cuts))


def _collecting(compiled: Compiled, delivery: Delivery | None) -> Condition:
    if delivery is None:
        return Condition("Collecting", *_without_job(compiled))
    if compiled.job is not None and compiled.job.push is not None:
        message = "clusters push to the receivers"
        return Condition("Collecting", "False", _NOT_REQUESTED, message)
    if not delivery.collector_reports:
        message = "no collector has reported about it"
        return Condition("Collecting", "Unknown", "Waiting", message)
    if delivery.collector_error:
        return Condition("Collecting", "False", "Failing", delivery.collector_error[:_LONGEST])
    return Condition("Collecting", "True", "Collecting", "")


def _delivering(compiled: Compiled, delivery: Delivery | None) -> Condition:
    if delivery is None:
        return Condition("Delivering", *_without_job(compiled))
    if not delivery.replicas:
        return Condition("Delivering", "False", _NOT_REQUESTED, _NOT_ENABLED)
    failing = [replica for replica in delivery.replicas if replica.error]
    if failing:
        message = "; ".join(f"{replica.endpoint}: {replica.error}" for replica in failing)
        return Condition("Delivering", "False", "Failing", message[:_LONGEST])
    if not all(replica.delivered_ms for replica in delivery.replicas):
        message = "nothing was delivered yet"
        return Condition("Delivering", "Unknown", "Waiting", message)
    return Condition("Delivering", "True", "Delivering", "")


def _without_job(compiled: Compiled) -> tuple[Truth, str, str]:
    """Return why there is nothing to deliver: status, reason and message."""
    access = compiled.entry.validated.access
    if access is None:
        return "False", "Invalid", "the object grants nothing"
    if access.spec.remote_write is None or not access.spec.remote_write.enabled:
        return "False", _NOT_REQUESTED, _NOT_ENABLED
    if compiled.permitted.is_empty:
        return "False", "NothingPermitted", "nothing is permitted that could be delivered"
    found = [finding.problem for finding in compiled.findings if finding.is_error]
    if found:
        return "False", "Refused", _listed(found)
    return "False", "NotSupported", _listed(compiled.entry.validated.problems)


def _ready(
    valid: Condition, published: bool, collecting: Condition, delivering: Condition
) -> Condition:
    if valid.status != "True":
        return Condition("Ready", "False", "Invalid", "see the condition Valid")
    if not published:
        return Condition("Ready", "False", "Publishing", "it does not take effect yet")
    for part in (collecting, delivering):
        if part.status != "True" and part.reason != _NOT_REQUESTED:
            reason = part.reason if part.status == "Unknown" else f"Not{part.name}"
            return Condition("Ready", "False", reason, f"see the condition {part.name}")
    return Condition("Ready", "True", "Ready", "")


def _listed(problems: Sequence[Problem]) -> str:
    """Return the problems as one text, each with its field; errors come first."""
    ordered = sorted(problems, key=lambda problem: problem.severity)
    told = [f"{problem.path}: {problem.message}" for problem in ordered[:_MOST_PROBLEMS]]
    if len(ordered) > _MOST_PROBLEMS:
        told.append(f"and {len(ordered) - _MOST_PROBLEMS} more")
    return "; ".join(told)[:_LONGEST]
