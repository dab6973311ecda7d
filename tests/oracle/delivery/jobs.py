"""The jobs of a run: what each delivers, said a second time by hand.

`delivered` is what the manifest means, written as Python, so that the comparison does not rest on
the compiler, the rules or the relabelling that it checks.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

type Labels = dict[str, str]

_TENANT = "team-a"


@dataclass(frozen=True)
class Job:
    """One MetricAccess object, and its meaning."""

    name: str
    interval_ms: int
    manifest: dict[str, Any]
    delivered: Callable[[Labels], Labels | None]
    """Labels of a source series without the replica label → as delivered, None when it is not."""

    def owns(self, labels: Mapping[str, str]) -> bool:
        """Return whether a series at an endpoint came from this job."""
        return labels.get("via") == self.name


def _manifest(name: str, interval: str, metrics: list[str], **delivery: Any) -> dict[str, Any]:
    return {
        "apiVersion": "observability.ethos.io/v1alpha1",
        "kind": "MetricAccess",
        "metadata": {"name": name, "namespace": _TENANT},
        "spec": {
            "source": "oracle",
            "metrics": metrics,
            "remoteWrite": {
                "enabled": True,
                "interval": interval,
                "target": {
                    "type": "prometheus",
                    "prometheus": {"serviceName": "prometheus", "replicas": 2},
                },
                "extraLabels": {"via": name},
                **delivery,
            },
        },
    }


def _plain(labels: Labels) -> Labels | None:
    if labels["__name__"].startswith("load_"):
        return {**labels, "via": "plain"}
    return None


def _own(labels: Labels) -> Labels | None:
    """The union of an own namespace and one shared name."""
    if labels.get("namespace") == "team-a" or labels["__name__"] == "load_temperature":
        return {**labels, "via": "own"}
    return None


_RELABELINGS = [
    {"action": "drop", "sourceLabels": ["__name__"], "regex": "load_special"},
    {"action": "keep", "sourceLabels": ["__name__"], "regex": "load_.*"},
    {"action": "replace", "sourceLabels": ["number"], "regex": "(...)(...)", "targetLabel": "half",
     "replacement": "$2-$1"},
    {"action": "hashmod", "sourceLabels": ["number"], "modulus": 7, "targetLabel": "hash"},
    {"action": "uppercase", "sourceLabels": ["namespace"], "targetLabel": "upper"},
    {"action": "labelmap", "regex": "(hal)f", "replacement": "${1}ves"},
    {"action": "labeldrop", "regex": "half|cluster"},
]  # fmt: skip


def _relabelled(labels: Labels) -> Labels | None:
    if labels["__name__"] == "load_special" or not labels["__name__"].startswith("load_"):
        return None
    number = labels["number"]
    made = {
        "halves": f"{number[3:6]}-{number[:3]}",
        # Prometheus: the last eight bytes of the MD5 sum, big endian, modulo.
        "hash": str(int.from_bytes(hashlib.md5(number.encode()).digest()[8:]) % 7),  # noqa: S324
        "via": "relabelled",
    }
    if namespace := labels.get("namespace"):
        made["upper"] = namespace.upper()
    return {name: value for name, value in labels.items() if name != "cluster"} | made


JOBS = (
    Job("plain", 5_000, _manifest("plain", "5s", ["load_.*"]), _plain),
    Job(
        "own",
        10_000,
        _manifest("own", "10s", ['{namespace="team-a"}', "load_temperature"]),
        _own,
    ),
    Job(
        "relabelled",
        5_000,
        _manifest("relabelled", "5s", ["load_.*"], metricRelabelings=_RELABELINGS),
        _relabelled,
    ),
)
