"""The jobs of a run: what each delivers, said a second time by hand.

`delivered` is what the manifest means, written as Python, so that the comparison does not rest on
the compiler, the rules or the relabelling that it checks.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

type Labels = dict[str, str]
type Target = Literal["prometheus", "remote_write", "pushgateway"]
type Delivered = Callable[[Labels], Labels | None]

TENANT = "team-a"
PUSH_JOB = "pushed"
_SECOND = 1000


@dataclass(frozen=True)
class Job:
    """One MetricAccess object, and its meaning."""

    name: str
    interval_ms: int
    target: Target
    metrics: tuple[str, ...]
    settings: Mapping[str, Any]
    """More of `spec.remoteWrite`."""
    delivered: Delivered
    """Labels of a source series without the replica label → as delivered, None when it is not."""

    def manifest(self, external_url: str) -> dict[str, Any]:
        """Return the object; `external_url` is where a target of type `remote_write` points."""
        targets: dict[Target, dict[str, Any]] = {
            "prometheus": {"prometheus": {"serviceName": "prometheus", "replicas": 2}},
            "remote_write": {"remoteWrite": {"url": external_url}},
            "pushgateway": {"pushgateway": {"serviceName": "pushgateway", "jobName": PUSH_JOB}},
        }
        return {
            "apiVersion": "observability.ethos.io/v1alpha1",
            "kind": "MetricAccess",
            "metadata": {"name": self.name, "namespace": TENANT},
            "spec": {
                "source": "oracle",
                "metrics": list(self.metrics),
                "remoteWrite": {
                    "enabled": True,
                    "interval": f"{self.interval_ms // _SECOND}s",
                    "target": {"type": self.target, **targets[self.target]},
                    "extraLabels": {"via": self.name},
                    **self.settings,
                },
            },
        }


def _all(via: str) -> Delivered:
    def delivered(labels: Labels) -> Labels | None:
        return {**labels, "via": via} if labels["__name__"].startswith("load_") else None

    return delivered


def _own(labels: Labels) -> Labels | None:
    """The union of an own namespace and one shared name."""
    if labels.get("namespace") == "team-a" or labels["__name__"] == "load_temperature":
        return {**labels, "via": "own"}
    return None


_CHANGED = [
    {"action": "drop", "sourceLabels": ["__name__"], "regex": "load_special"},
    {"action": "keep", "sourceLabels": ["__name__"], "regex": "load_.*"},
    {"action": "replace", "sourceLabels": ["number"], "regex": "(...)(...)", "targetLabel": "half",
     "replacement": "$2-$1"},
    {"action": "hashmod", "sourceLabels": ["number"], "modulus": 7, "targetLabel": "hash"},
    {"action": "uppercase", "sourceLabels": ["namespace"], "targetLabel": "upper"},
    {"action": "labelmap", "regex": "(hal)f", "replacement": "${1}ves"},
    {"action": "labeldrop", "regex": "half|cluster"},
]  # fmt: skip


def _changed(labels: Labels) -> Labels | None:
    if labels["__name__"] == "load_special" or not labels["__name__"].startswith("load_"):
        return None
    number = labels["number"]
    made = {
        "halves": f"{number[3:6]}-{number[:3]}",
        # Prometheus: the last eight bytes of the MD5 sum, big endian, modulo.
        "hash": str(int.from_bytes(hashlib.md5(number.encode()).digest()[8:]) % 7),  # noqa: S324
        "via": "changed",
    }
    if namespace := labels.get("namespace"):
        made["upper"] = namespace.upper()
    return {name: value for name, value in labels.items() if name != "cluster"} | made


_CHOSEN = [
    {"action": "keepequal", "sourceLabels": ["zone"], "targetLabel": "home"},
    {"action": "lowercase", "sourceLabels": ["team"], "targetLabel": "team"},
    {"action": "replace", "targetLabel": "__tmp_ops", "replacement": "ops"},
    {"action": "dropequal", "sourceLabels": ["team"], "targetLabel": "__tmp_ops"},
    {"action": "labelkeep", "regex": "__name__|number|team|pod|le|text"},
]
_KEPT = ("__name__", "number", "team", "pod", "le", "text")


def _chosen(labels: Labels) -> Labels | None:
    if not labels["__name__"].startswith("load_") or labels["zone"] != labels["home"]:
        return None
    if (team := labels["team"].lower()) == "ops":
        return None
    kept = {name: value for name, value in labels.items() if name in _KEPT}
    return {**kept, "team": team, "via": "chosen"}


def all_jobs(*, speaks_v2: bool) -> tuple[Job, ...]:
    """Return the jobs; `speaks_v2`: whether the Prometheus endpoints take remote write 2.0."""
    every = ("load_.*",)
    return (
        Job("plain", 5_000, "prometheus", every, {}, _all("plain")),
        Job(
            "own",
            10_000,
            "prometheus",
            ('{namespace="team-a"}', "load_temperature"),
            {"protocol": "2.0" if speaks_v2 else "auto"},
            _own,
        ),
        Job("changed", 5_000, "prometheus", every, {"metricRelabelings": _CHANGED}, _changed),
        Job(
            "chosen",
            5_000,
            "prometheus",
            every,
            {"metricRelabelings": _CHOSEN, "protocol": "auto"},
            _chosen,
        ),
        Job("external", 5_000, "remote_write", every, {}, _all("external")),
        Job("pushed", 5_000, "pushgateway", every, {}, _all("pushed")),
    )
