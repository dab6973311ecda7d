"""Admission reviews (`admission.k8s.io/v1`) of MetricAccess objects, and the answers to them; pure.

The same `validate` decides as later in the controller, so that what is admitted takes effect. What
belongs to the platform (boundaries, where deliveries may go) is not asked here: it may change.
"""

from dataclasses import dataclass
from typing import Any

import msgspec

from tenant_controller.metric_access import GROUP, KIND
from tenant_controller.validate import validate
from tenantry_common.contracts import Problem

_API_VERSION = "admission.k8s.io/v1"
_MOST_PROBLEMS = 20
_MOST_WARNINGS = 10
_LONGEST_WARNING = 250  # characters; of longer ones API servers cut or drop those that follow


class NoReview(ValueError):
    """What was sent is not an AdmissionReview of version 1."""


@dataclass(frozen=True)
class Answer:
    """What is answered to a review."""

    uid: str
    refused: str
    """Why the object is not admitted; empty: it is."""
    warnings: tuple[str, ...] = ()

    def body(self) -> dict[str, Any]:
        """Return the AdmissionReview to send."""
        response: dict[str, Any] = {"uid": self.uid, "allowed": not self.refused}
        if self.refused:
            response["status"] = {
                "status": "Failure",
                "reason": "Invalid",
                "code": 422,
                "message": self.refused,
            }
        if self.warnings:
            response["warnings"] = list(self.warnings)
        return {"apiVersion": _API_VERSION, "kind": "AdmissionReview", "response": response}


def review(content: bytes) -> Answer:
    """Return the answer to an AdmissionReview. Raises `NoReview`.

    Only a create or an update of a MetricAccess itself is looked at; everything else is admitted,
    above all the deletion of an object that is invalid and writes of its status.
    """
    request = _request(content)
    uid = request["uid"]
    kind = request.get("kind")
    if request.get("operation") not in ("CREATE", "UPDATE") or request.get("subResource"):
        return Answer(uid, "")
    if not isinstance(kind, dict) or (kind.get("group"), kind.get("kind")) != (GROUP, KIND):
        return Answer(uid, "")
    found = request.get("object")
    if _is_leaving(found):
        return Answer(uid, "")  # taking a finalizer off must not depend on anything else
    problems = validate(_named(found, request)).problems
    wrong = [problem for problem in problems if problem.severity == "error"]
    warned = tuple(_told(p)[:_LONGEST_WARNING] for p in problems if p.severity != "error")
    return Answer(uid, _listed(wrong), warned[:_MOST_WARNINGS])


def _request(content: bytes) -> dict[str, Any]:
    try:
        sent = msgspec.json.decode(content)
    except msgspec.DecodeError as error:
        raise NoReview("not JSON") from error
    request = sent.get("request") if isinstance(sent, dict) else None
    if not isinstance(request, dict) or sent.get("apiVersion") != _API_VERSION:
        raise NoReview(f"not an AdmissionReview of {_API_VERSION}")
    if not isinstance(request.get("uid"), str):
        raise NoReview("a review without uid")
    return request


def _is_leaving(found: object) -> bool:
    metadata = found.get("metadata") if isinstance(found, dict) else None
    return isinstance(metadata, dict) and bool(metadata.get("deletionTimestamp"))


def _named(found: object, request: dict[str, Any]) -> object:
    """Return the object with the name that it will have.

    With `generateName` the name is not there yet, and will be a good one; the namespace of the
    request is what counts where the object names none.
    """
    if not isinstance(found, dict) or not isinstance(found.get("metadata"), dict):
        return found
    metadata = dict(found["metadata"])
    if not metadata.get("namespace"):
        metadata["namespace"] = request.get("namespace") or ""
    if not metadata.get("name"):
        metadata["name"] = request.get("name") or "generated"
    return {**found, "metadata": metadata}


def _listed(problems: list[Problem]) -> str:
    told = [_told(problem) for problem in problems[:_MOST_PROBLEMS]]
    if len(problems) > _MOST_PROBLEMS:
        told.append(f"and {len(problems) - _MOST_PROBLEMS} more")
    return "; ".join(told)


def _told(problem: Problem) -> str:
    return f"{problem.path.removeprefix('$.')}: {problem.message}"
