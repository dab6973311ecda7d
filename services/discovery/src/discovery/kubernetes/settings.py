"""Which objects of a Kubernetes cluster are backends; the names are those of adobe's proxy."""

from typing import Literal

import msgspec

from tenantry_common import config

type ResourceType = Literal["Service", "Pod", "Endpoints"]

USUAL_LABELS = {"app": "prometheus"}


class Rule(config.Section, frozen=True, kw_only=True):
    """One rule: what is searched, where, and how what is found is asked."""

    namespaces: tuple[str, ...] = ()
    """Namespaces that are searched; empty: all. Whoever may create objects there adds backends, so
    name those that belong to the platform."""
    label_selectors: dict[str, str] = msgspec.field(default_factory=dict)
    """Labels that an object must have; none: `app: prometheus`."""
    annotation_selectors: dict[str, str] = msgspec.field(default_factory=dict)
    """Annotations that it must have too."""
    port: int | str = "9090"
    """Name or number of the port: that of a container, of a Service, of an EndpointSlice."""
    resource_types: tuple[ResourceType, ...] = ("Service",)
    """Kinds of objects that are searched: `Service` (the endpoints behind it), `Pod`, `Endpoints`
    (read from EndpointSlices)."""
    prometheus_operator: bool = True
    """Whether objects of kind Prometheus (`monitoring.coreos.com/v1`) are searched too, as soon as
    the cluster knows that kind. They tell port, scheme, path, replicas and shards themselves."""
    scheme: Literal["http", "https"] = "http"
    """What is spoken where neither annotation nor Prometheus object says otherwise."""
    path_prefix: str = ""
    """What stands before `/api/v1`, likewise."""
    access: str = ""
    """Name of the access profile in `backend_access`; empty: no credentials. Needs `namespaces`."""

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        number = self.port_number
        if not self.port or (number is not None and not 0 < number < 65536):
            raise ValueError(f"port: {self.port!r} is neither the name nor the number of a port")
        if self.access and not self.namespaces:
            raise ValueError("access: credentials would go to any namespace; list its namespaces")
        if not self.resource_types and not self.prometheus_operator:
            raise ValueError("resource_types: nothing is searched")

    @property
    def labels(self) -> dict[str, str]:
        """What `label_selectors` mean."""
        return self.label_selectors or USUAL_LABELS

    @property
    def port_number(self) -> int | None:
        """The port where it is a number, also one in quotes; None where it is a name."""
        text = str(self.port)
        return int(text) if text.isascii() and text.removeprefix("-").isdigit() else None
