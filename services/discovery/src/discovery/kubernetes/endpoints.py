"""EndpointSlices become targets: each endpoint is a server of its own; pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from discovery.kubernetes import describe
from discovery.kubernetes.describe import Finding, Note, Server
from discovery.kubernetes.objects import Endpoint, EndpointSlice
from discovery.kubernetes.settings import Rule
from discovery.target import Target

SERVICE_NAME = "kubernetes.io/service-name"

type PortOf = Callable[[EndpointSlice], int | None]


def find(rule: Rule, slice_: EndpointSlice) -> Iterator[Finding]:
    """Yield the servers of a slice that was selected itself."""
    source = describe.source_of("EndpointSlice", slice_)

    def port_of(slice_: EndpointSlice) -> int | None:
        if rule.port_number is None:
            return port_named(slice_, str(rule.port))
        return port_numbered(slice_, rule.port_number)

    yield from find_in(rule, [slice_], port_of, source, slice_.metadata.annotations)


def find_in(
    rule: Rule,
    slices: Iterable[EndpointSlice],
    port_of: PortOf,
    source: str,
    annotations: Mapping[str, str],
) -> Iterator[Finding]:
    """Yield the servers of the slices of one Service, at the port that `port_of` finds in each."""
    for slice_ in slices:
        port = port_of(slice_)
        if port is None and slice_.endpoints:
            yield Note(
                source, f"no port {str(rule.port)!r} in EndpointSlice {slice_.metadata.name}"
            )
        elif port is not None:
            for endpoint in slice_.endpoints:
                yield from _server(rule, slice_, endpoint, port, source, annotations)


def port_named(slice_: EndpointSlice, name: str) -> int | None:
    """Return the number of the port of that name; there may be one without."""
    return next((port.port for port in slice_.ports if port.name == name), None)


def port_numbered(slice_: EndpointSlice, number: int) -> int | None:
    """Return `number` when the slice has such a port, or says of none."""
    if not slice_.ports or any(port.port in (number, None) for port in slice_.ports):
        return number
    return None


def _server(
    rule: Rule,
    slice_: EndpointSlice,
    endpoint: Endpoint,
    port: int,
    source: str,
    annotations: Mapping[str, str],
) -> Iterator[Finding]:
    if not endpoint.addresses:
        return
    namespace, ref = slice_.metadata.namespace, endpoint.target_ref
    is_pod = ref.kind == "Pod" and ref.name and ref.namespace in ("", namespace)
    server = Server(
        address=endpoint.addresses[0],
        port=port,
        pod=(namespace, ref.name) if is_pod else None,
    )
    labels = {
        "namespace": namespace,
        "service": slice_.metadata.labels.get(SERVICE_NAME, ""),
    }
    found = describe.describe(rule, source, server, annotations, labels)
    if isinstance(found, Target) and not endpoint.conditions.ready:
        found = replace(found, unready="the endpoint is not ready")
    yield found
