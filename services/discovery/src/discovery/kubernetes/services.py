"""Services become targets: the endpoints behind each, never its own address; pure.

Behind a Service's address a load balancer alternates between replicas, which do not hold the same
samples: one that is asked page by page, or window by window, would answer from several. So every
endpoint is a server of its own. A Service of type ExternalName has nothing behind it that could be
seen: its name is taken for one server.
"""

from collections.abc import Iterable, Iterator

from discovery.kubernetes import describe, endpoints
from discovery.kubernetes.describe import Finding, Note, Server
from discovery.kubernetes.endpoints import PortOf
from discovery.kubernetes.objects import EndpointSlice, Service
from discovery.kubernetes.settings import Rule


def find(rule: Rule, service: Service, slices: Iterable[EndpointSlice]) -> Iterator[Finding]:
    """Yield the servers of `service`, whose EndpointSlices are `slices`."""
    source = describe.source_of("Service", service)
    if service.spec.type == "ExternalName":
        yield _external(rule, service, source)
        return
    port_of = _port_of(rule, service)
    if port_of is None:
        yield Note(source, f"it has no port named {rule.port!r}")
        return
    own = sorted(slices, key=lambda one: _order(service, one))
    if not any(slice_.endpoints for slice_ in own):
        yield Note(source, "there is no endpoint behind it")
    yield from endpoints.find_in(rule, own, port_of, source, service.metadata.annotations)


def _external(rule: Rule, service: Service, source: str) -> Finding:
    port = rule.port_number
    if port is None:
        ports = (one.port for one in service.spec.ports if one.name == rule.port)
        port = next(ports, None)
    if port is None:
        return Note(source, f"it has no port named {rule.port!r}")
    address = service.spec.external_name.removesuffix(".")
    labels = {"namespace": service.metadata.namespace, "service": service.metadata.name}
    server = Server(address=address, port=port)
    return describe.describe(rule, source, server, service.metadata.annotations, labels)


def _port_of(rule: Rule, service: Service) -> PortOf | None:
    """Return how the port that is meant is found in a slice, None when the Service has none such.

    A number is that of the Service, else that of the pods.
    """
    number = rule.port_number
    for port in service.spec.ports:
        if port.port == number or (number is None and port.name == rule.port):
            return lambda slice_: endpoints.port_named(slice_, port.name)
    if number is None:
        return None
    return lambda slice_: endpoints.port_numbered(slice_, number)


def _order(service: Service, slice_: EndpointSlice) -> tuple[bool, str, str]:
    """Sort the Service's first address family first: that is the address its pods are known by."""
    families = service.spec.ip_families or ("IPv4",)
    return slice_.address_type != families[0], slice_.address_type, slice_.metadata.name
