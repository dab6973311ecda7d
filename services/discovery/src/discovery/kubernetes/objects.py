"""The fields of Kubernetes' objects that discovery reads; everything else in them is ignored; pure.

A field that is absent or null has its default, as for clients in Go.
"""

from collections.abc import Mapping
from typing import Any

import msgspec


class Read(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Base of everything that is read."""


class Metadata(Read, frozen=True, kw_only=True):
    """What every object has."""

    name: str
    namespace: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    deletion_timestamp: str = ""


class Object(Read, frozen=True, kw_only=True):
    """Base of the kinds."""

    metadata: Metadata


class ContainerPort(Read, frozen=True, kw_only=True):
    """A port that a container declares."""

    name: str = ""
    container_port: int


class Container(Read, frozen=True, kw_only=True):
    """A container of a pod."""

    ports: tuple[ContainerPort, ...] = ()


class PodSpec(Read, frozen=True, kw_only=True):
    """What a pod consists of; native sidecars are among the init containers."""

    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()


class Condition(Read, frozen=True, kw_only=True):
    """A condition of a pod."""

    type: str
    status: str


class PodStatus(Read, frozen=True, kw_only=True):
    """How a pod is."""

    phase: str = ""
    pod_ip: str = msgspec.field(default="", name="podIP")
    conditions: tuple[Condition, ...] = ()


class Pod(Object, frozen=True, kw_only=True):
    """`v1` Pod."""

    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()


class ServicePort(Read, frozen=True, kw_only=True):
    """A port of a Service; the pods' port behind it is in its EndpointSlices."""

    name: str = ""
    port: int


class ServiceSpec(Read, frozen=True, kw_only=True):
    """How a Service is reached."""

    type: str = "ClusterIP"
    ports: tuple[ServicePort, ...] = ()
    external_name: str = ""
    ip_families: tuple[str, ...] = ()


class Service(Object, frozen=True, kw_only=True):
    """`v1` Service."""

    spec: ServiceSpec = ServiceSpec()


class EndpointConditions(Read, frozen=True, kw_only=True):
    """How an endpoint is. Kubernetes: a `ready` that is not told means true."""

    ready: bool = True


class Reference(Read, frozen=True, kw_only=True):
    """The object behind an endpoint."""

    kind: str = ""
    namespace: str = ""
    name: str = ""


class Endpoint(Read, frozen=True, kw_only=True):
    """One server; of several addresses only the first is used, as kube-proxy does."""

    addresses: tuple[str, ...]
    conditions: EndpointConditions = EndpointConditions()
    target_ref: Reference = Reference()


class EndpointPort(Read, frozen=True, kw_only=True):
    """A port of all endpoints of a slice."""

    name: str = ""
    port: int | None = None
    """None: every port."""


class EndpointSlice(Object, frozen=True, kw_only=True):
    """`discovery.k8s.io/v1` EndpointSlice."""

    address_type: str = "IPv4"
    endpoints: tuple[Endpoint, ...] = ()
    ports: tuple[EndpointPort, ...] = ()


class Web(Read, frozen=True, kw_only=True):
    """How a Prometheus of the operator serves."""

    tls_config: dict[str, Any] = {}


class PrometheusSpec(Read, frozen=True, kw_only=True):
    """What the operator makes of a Prometheus; the defaults are the operator's."""

    replicas: int = 1
    shards: int = 1
    port_name: str = "web"
    route_prefix: str = "/"
    listen_local: bool = False
    web: Web = Web()
    external_labels: dict[str, str] = {}
    prometheus_external_label_name: str = "prometheus"
    replica_external_label_name: str = "prometheus_replica"


class Prometheus(Object, frozen=True, kw_only=True):
    """`monitoring.coreos.com/v1` Prometheus."""

    spec: PrometheusSpec = PrometheusSpec()


class Unreadable(ValueError):
    """An object is not as its kind must be; the text says where."""


def read[T: Object](kind: type[T], found: Mapping[str, Any]) -> T:
    """Return the fields of an object as the API server sent it. Raises `Unreadable`."""
    try:
        return msgspec.convert(_without_nulls(found), kind)
    except msgspec.ValidationError as error:
        raise Unreadable(str(error)) from error


def _without_nulls(found: Any) -> Any:
    if isinstance(found, dict):
        return {key: _without_nulls(value) for key, value in found.items() if value is not None}
    if isinstance(found, list):
        return [_without_nulls(value) for value in found if value is not None]
    return found
