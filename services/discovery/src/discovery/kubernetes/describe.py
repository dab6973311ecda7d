"""A server that an object tells of becomes a target; its annotations are heeded here; pure.

A server that is a pod is known by namespace and name of the pod, however it was found: it is one
backend for all kinds of objects, and stays it when its address changes.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from discovery import target
from discovery.kubernetes.objects import Object
from discovery.kubernetes.settings import Rule
from discovery.target import Target

SHARD = "tenantry.io/shard"
ROLE = "tenantry.io/role"
CLUSTER = "tenantry.io/cluster"
PRODUCT = "tenantry.io/product"
PATH_PREFIX = "tenantry.io/path-prefix"
SCHEMES = ("tenantry.io/scheme", "prometheus.io/scheme")


@dataclass(frozen=True)
class Note:
    """What of an object cannot be used, for people."""

    source: str
    message: str

    def __str__(self) -> str:
        return f"{self.source}: {self.message}"


type Finding = Target | Note


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server as an object tells of it."""

    address: str
    """IP address or host name."""
    port: int
    pod: tuple[str, str] | None = None
    """Namespace and name of the pod that it is, where that is known."""


def source_of(kind: str, found: Object) -> str:
    """Return how people are told of an object."""
    return f"{kind} {found.metadata.namespace}/{found.metadata.name}"


def describe(
    rule: Rule,
    source: str,
    server: Server,
    annotations: Mapping[str, str],
    labels: Mapping[str, str],
) -> Finding:
    """Return the target, which has `labels` for people, or why there is none."""
    instructions = {
        target.SCHEME_LABEL: _first(annotations, *SCHEMES) or rule.scheme,
        target.PATH_PREFIX_LABEL: annotations.get(PATH_PREFIX, rule.path_prefix),
        target.ACCESS_LABEL: rule.access,
        target.HA_SET_LABELS[0]: annotations.get(SHARD, ""),
        target.ROLE_LABELS[0]: annotations.get(ROLE, ""),
        target.CLUSTER_LABELS[0]: annotations.get(CLUSTER, ""),
        target.PRODUCT_LABELS[0]: annotations.get(PRODUCT, ""),
    }
    named = {"namespace": server.pod[0], "pod": server.pod[1]} if server.pod else {}
    given = {name: value for name, value in {**labels, **named, **instructions}.items() if value}
    host = f"[{server.address}]" if ":" in server.address else server.address
    known_as = "/".join(server.pod) if server.pod else ""
    made = target.make(f"{host}:{server.port}", given, source, host=known_as)
    if isinstance(made, target.Invalid):
        annotation = _ANNOTATIONS.get(made.label, "")
        return Note(
            source, f"annotation {annotation}: {made.message}" if annotation else made.message
        )
    return made


_ANNOTATIONS = {
    target.SCHEME_LABEL: SCHEMES[0],
    target.PATH_PREFIX_LABEL: PATH_PREFIX,
    target.ROLE_LABELS[0]: ROLE,
    target.PRODUCT_LABELS[0]: PRODUCT,
}


def _first(annotations: Mapping[str, str], *names: str) -> str:
    return next((annotations[name] for name in names if annotations.get(name)), "")
