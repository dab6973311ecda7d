"""What of a new status is worth an Event on the object, and that Event; pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from tenant_controller.metric_access import API_VERSION, KIND

CONTROLLER = "tenantry.io/tenant-controller"

_LONGEST_NOTE = 1_000  # bytes; Kubernetes allows 1 kB
_LONGEST_INSTANCE = 128

# Condition → the reasons of the Events that tell of its becoming true and of its becoming false.
_TOLD: Mapping[str, tuple[str, str]] = {
    "Valid": ("Accepted", "Invalid"),
    "Collecting": ("Collecting", "CollectionFailed"),
    "Delivering": ("Delivering", "DeliveryFailed"),
    "BoundaryApplied": ("BoundaryApplied", "BoundaryLifted"),
}
_NO_FAILURE = ("NotRequested", "NoBoundary", "Invalid")
"""Reasons for which a condition is false although nothing went wrong, or another one tells it."""


def events(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield type, reason and note of each Event; `before` and `now` are statuses."""
    known = {c["type"]: c for c in before.get("conditions") or () if "type" in c}
    for condition in now["conditions"]:
        name, status = condition["type"], condition["status"]
        was = known.get(name, {})
        if name not in _TOLD or status == "Unknown":
            continue
        again = name == "Valid" and was.get("message") != condition["message"]
        if was.get("status") == status and not (status == "False" and again):
            continue
        true, false = _TOLD[name]
        if status == "True":
            warned = condition["reason"] in ("ValidWithWarnings", "Narrowed")
            yield "Warning" if warned else "Normal", true, condition["message"] or true
        elif name == "Valid" or condition["reason"] not in _NO_FAILURE:
            yield "Warning", false, condition["message"]
        elif was.get("status") == "True":
            yield "Normal", f"{name}Ended", condition["message"]


def event(
    involved: Mapping[str, Any], told: tuple[str, str, str], *, instance: str, at: str, name: str
) -> dict[str, Any]:
    """Return an object of `events.k8s.io/v1`; `at` is RFC 3339 with microseconds."""
    metadata = involved["metadata"]
    kind, reason, note = told
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": metadata["namespace"]},
        "eventTime": at,
        "type": kind,
        "reason": reason,
        "note": _cut(note),
        "action": "Reconcile",
        "reportingController": CONTROLLER,
        "reportingInstance": instance[:_LONGEST_INSTANCE],
        "regarding": {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "namespace": metadata["namespace"],
            "name": metadata["name"],
            "uid": metadata.get("uid", ""),
            "resourceVersion": metadata.get("resourceVersion", ""),
        },
    }


def _cut(text: str) -> str:
    encoded = text.encode()
    if len(encoded) <= _LONGEST_NOTE:
        return text
    return encoded[: _LONGEST_NOTE - 4].decode(errors="ignore") + "…"


def name(involved: str, number: int) -> str:
    """Return a name for an Event about the object of name `involved`, like client-go's."""
    return f"{involved[:200].rstrip('-.')}.{number:x}"
