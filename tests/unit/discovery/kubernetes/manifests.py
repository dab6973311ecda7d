"""Objects as an API server sends them, for tests of several modules."""

from typing import Any

type Manifest = dict[str, Any]


def metadata(name: str, labels: dict[str, str], annotations: dict[str, str]) -> Manifest:
    return {
        "name": name,
        "namespace": "monitoring",
        "labels": {"app": "prometheus", **labels},
        "annotations": annotations,
    }


def pod(
    name: str,
    *,
    ip: str | None = "10.0.0.1",
    phase: str = "Running",
    ready: bool = True,
    ports: dict[str, int] | None = None,
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
    deleted: bool = False,
) -> Manifest:
    ports = {"web": 9090} if ports is None else ports
    listed = [{"name": n, "containerPort": p, "protocol": "TCP"} for n, p in ports.items()]
    made: Manifest = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata(name, labels or {}, annotations or {}),
        "spec": {"containers": [{"name": "prometheus", "image": "prometheus", "ports": listed}]},
        "status": {
            "phase": phase,
            "podIP": ip,
            "conditions": [
                {"type": "Initialized", "status": "True"},
                {"type": "Ready", "status": str(ready)},
            ],
        },
    }
    if deleted:
        made["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    return made


def endpoint(address: str, *, pod: str = "", ready: bool | None = True) -> Manifest:
    made: Manifest = {"addresses": [address], "conditions": {"ready": ready}}
    if pod:
        made["targetRef"] = {"kind": "Pod", "namespace": "monitoring", "name": pod}
    return made


def slice_(
    name: str,
    *endpoints: Manifest,
    service: str = "prometheus",
    family: str = "IPv4",
    ports: dict[str, int | None] | None = None,
    annotations: dict[str, str] | None = None,
) -> Manifest:
    ports = {"web": 9090} if ports is None else ports
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": metadata(name, {"kubernetes.io/service-name": service}, annotations or {}),
        "addressType": family,
        "endpoints": list(endpoints) or None,
        "ports": [{"name": n, "port": p, "protocol": "TCP"} for n, p in ports.items()],
    }


def service(
    name: str = "prometheus",
    *,
    ports: dict[str, int] | None = None,
    annotations: dict[str, str] | None = None,
    **spec: Any,
) -> Manifest:
    ports = {"web": 80} if ports is None else ports
    listed = [{"name": n, "port": p, "protocol": "TCP"} for n, p in ports.items()]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(name, {}, annotations or {}),
        "spec": {"type": "ClusterIP", "ports": listed, **spec},
    }


def prometheus(
    name: str = "k8s", *, annotations: dict[str, str] | None = None, **spec: Any
) -> Manifest:
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "Prometheus",
        "metadata": metadata(name, {}, annotations or {}),
        "spec": spec,
    }


def operated(name: str, *, shard: int = 0, of: str = "k8s", **more: Any) -> Manifest:
    """A pod of the operator."""
    labels = {"operator.prometheus.io/name": of, "operator.prometheus.io/shard": str(shard)}
    return pod(name, labels={**labels, **more.pop("labels", {})}, **more)
