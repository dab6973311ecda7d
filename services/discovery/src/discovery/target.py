"""What a source says of one backend: where it is and what people declared about it; pure.

A source names an address and labels. Labels that begin with ``__`` are instructions and are not
kept: `__scheme__` (http or https) and `__path_prefix__` (for servers behind ``--web.route-prefix``)
make the URL, `__access__` names the credentials; all others belong to scraping and mean nothing
here.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

type Role = Literal["replica", "global"]
type Product = Literal["prometheus", "victoriametrics"]

SCHEME_LABEL = "__scheme__"
PATH_PREFIX_LABEL = "__path_prefix__"
ACCESS_LABEL = "__access__"
# The second spelling is the Kubernetes annotation as Prometheus would write it as a label.
HA_SET_LABELS = ("tenantry_ha_set", "tenantry_io_shard")
CLUSTER_LABELS = ("tenantry_cluster", "tenantry_io_cluster")
PRODUCT_LABELS = ("tenantry_product", "tenantry_io_product")
ROLE_LABELS = ("tenantry_role", "tenantry_io_role")

_DEFAULT_PORTS = {"http": 80, "https": 443}
_ADDRESS = re.compile(r"(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:(?P<port>[0-9]{1,5}))?")
_PATH_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)*/?")


@dataclass(frozen=True, kw_only=True)
class Target:
    """One backend as its source describes it."""

    id: str
    """`host:port` and path prefix, the host's name being that of the pod where the source knows it:
    unique, and the same however often the source is read."""
    url: str
    """Base URL without a trailing slash."""
    labels: Mapping[str, str]
    """Labels from the source, for people."""
    ha_set: str = ""
    """Declared HA set; empty when the external labels shall tell."""
    role: Role = "replica"
    product: Product = "prometheus"
    """What answers there, as its source says."""
    cluster: str = ""
    """The cluster whose series it holds; empty where that is not said."""
    source: str = ""
    """Where it was found: the path of a file, or kind, namespace and name of an object."""
    access: str = ""
    """Name of the access profile that it is asked with; empty: it wants no credentials."""
    unready: str = ""
    """Why its source says that it cannot answer now; empty when it can."""
    part: str = ""
    """Which part of the data it holds, where its source knows that its external labels do not tell:
    servers of different parts never replicate one another."""
    external_labels: Mapping[str, str] | None = None
    """External labels as its source configures them; they count where the server does not tell."""
    replica_labels: frozenset[str] = frozenset()
    """Further names of external labels that tell replicas apart."""


@dataclass(frozen=True)
class Invalid:
    """What is wrong with an address (`label` is empty) or with one of its labels."""

    message: str
    label: str = ""


def make(
    address: str, labels: Mapping[str, str], source: str, *, host: str = ""
) -> Target | Invalid:
    """Return the backend at `address` (``host``, ``host:port`` or ``[v6]:port``).

    `host` stands for the host in its id, where the address is not what it stays known by.
    """
    scheme = labels.get(SCHEME_LABEL) or "http"
    prefix = labels.get(PATH_PREFIX_LABEL, "")
    ha_set = _first(labels, HA_SET_LABELS)
    role = _first(labels, ROLE_LABELS)
    if scheme not in _DEFAULT_PORTS:
        return Invalid(f"{scheme!r} is neither http nor https", SCHEME_LABEL)
    match = _ADDRESS.fullmatch(address)
    port = int(match["port"] or _DEFAULT_PORTS[scheme]) if match else 0
    if match is None or not 0 < port < 65536:
        return Invalid(f"{address!r} is not host:port")
    if not _PATH_PREFIX.fullmatch(prefix):
        return Invalid(f"{prefix!r} is not a path", PATH_PREFIX_LABEL)
    if role not in ("", "replica", "global"):
        return Invalid(f"{role!r} is neither replica nor global", ROLE_LABELS[0])
    product = _first(labels, PRODUCT_LABELS)
    if product not in ("", "prometheus", "victoriametrics"):
        message = f"{product!r} is neither prometheus nor victoriametrics"
        return Invalid(message, PRODUCT_LABELS[0])
    location = f":{port}{prefix.rstrip('/')}"
    return Target(
        id=(host or match["host"]) + location,
        url=f"{scheme}://{match['host']}{location}",
        labels={name: value for name, value in labels.items() if not name.startswith("__")},
        ha_set=ha_set,
        role="global" if role == "global" else "replica",
        product="victoriametrics" if product == "victoriametrics" else "prometheus",
        cluster=_first(labels, CLUSTER_LABELS),
        source=source,
        access=labels.get(ACCESS_LABEL, ""),
    )


def _first(labels: Mapping[str, str], names: Iterable[str]) -> str:
    return next((labels[name] for name in names if labels.get(name)), "")


def unique(targets: Iterable[Target]) -> tuple[dict[str, Target], tuple[str, ...]]:
    """Return the targets by id, and a warning for each that contradicts an earlier one.

    The same backend listed twice in the same words is no contradiction.
    """
    chosen: dict[str, Target] = {}
    warnings = []
    for target in targets:
        first = chosen.setdefault(target.id, target)
        if _said(first) != _said(target):
            warnings.append(
                f"{target.id} in {target.source} is ignored: {first.source} describes it otherwise"
            )
    return chosen, tuple(warnings)


def _said(target: Target) -> tuple[object, ...]:
    return target.url, target.labels, target.ha_set, target.role, target.access
