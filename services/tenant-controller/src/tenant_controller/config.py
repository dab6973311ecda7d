"""Configuration of the tenant-controller: the source of MetricAccess and the platform's limits."""

import msgspec

from tenantry_common import config


class Folder(config.Section, frozen=True, kw_only=True):
    """A folder of MetricAccess manifests."""

    path: str
    """Folder whose `*.yaml` and `*.yml` files are read; not searched recursively."""
    reread_seconds: float = 2.0
    """Seconds after which it is read again even if the system announced no change."""


class Boundary(config.Section, frozen=True, kw_only=True):
    """What the tenants of some namespaces can see at most, whatever they grant themselves.

    Every boundary that covers a namespace is ANDed to each of its rules, so that adding one can
    only narrow. A namespace that none covers is limited by its own manifests alone.
    """

    namespaces: tuple[str, ...]
    """Shell patterns of namespaces; one that starts with `!` takes its namespaces out again."""
    selectors: tuple[str, ...]
    """PromQL series selectors, ORed. `$namespace` in a value stands for the tenant's namespace."""


class Config(config.Service, frozen=True, kw_only=True):
    """The whole file."""

    folder: Folder
    boundaries: tuple[Boundary, ...] = ()
    cluster_domain: str = "cluster.local"
    """DNS suffix of the cluster's services: `<service>.<namespace>.svc.<cluster_domain>`."""
    service_overrides: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    """`<namespace>/<service>:<port>` → one base URL per replica, used instead of the DNS names.

    For machines without cluster DNS: `{"team-web/prometheus:9090": ["http://127.0.0.1:19091"]}`.
    """
    target_namespaces: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    """Tenant → namespaces that its `targetNamespace` may name besides its own; shell patterns.

    A tenant that could choose freely would write into other tenants' servers.
    """
