"""Configuration of the tenant-controller: the source of MetricAccess and the platform's limits."""

import msgspec

from tenantry_common import config, kubernetes_settings


class Folder(config.Section, frozen=True, kw_only=True):
    """A folder of MetricAccess manifests."""

    path: str
    """Folder whose `*.yaml` and `*.yml` files are read; not searched recursively."""
    reread_seconds: float = 2.0
    """Seconds after which it is read again even if the system announced no change."""


class Kubernetes(config.Section, frozen=True, kw_only=True):
    """MetricAccess objects of a Kubernetes cluster, and the status that is written to them."""

    api: kubernetes_settings.Settings = kubernetes_settings.Settings()
    """Where the API server is; nothing set: this is a pod of the cluster."""
    namespaces: tuple[str, ...] = ()
    """Names of the namespaces whose objects count; empty: all."""
    status_seconds: float = 10.0
    """Least seconds between two writes of one object's status."""
    progress_seconds: float = 30.0
    """The same, where nothing changed but how far its delivery has come."""
    status_writes_per_second: float = 50.0
    """Writes of all objects' status together, for the API server's sake."""


class Webhook(config.Section, frozen=True, kw_only=True):
    """The validating admission webhook: bad objects are refused before they are stored."""

    tls: config.Tls
    """The certificate that the API server verifies; read again when its files change."""
    host: str = "0.0.0.0"  # noqa: S104  # the API server calls from outside of the pod
    """Address to listen on."""
    port: int = 9443
    """Port to listen on."""


class Boundary(config.Section, frozen=True, kw_only=True):
    """What the tenants of some namespaces can see at most, whatever they grant themselves.

    Every boundary that covers a namespace is ANDed to each of its rules, so that adding one can
    only narrow. A namespace that none covers is limited by its own manifests alone.
    """

    namespaces: tuple[str, ...] = ("*",)
    """Shell patterns of namespaces; one that starts with `!` takes its namespaces out again."""
    namespace_selector: str = ""
    """Labels that a namespace must have too, as in `kubectl get -l`: `tier=prod,team in (a, b)`.
    Only with the source `kubernetes`."""
    selectors: tuple[str, ...]
    """PromQL series selectors, ORed. `$namespace` in a value stands for the tenant's namespace."""


class Config(config.Service, frozen=True, kw_only=True):
    """The whole file."""

    folder: Folder | None = None
    kubernetes: Kubernetes | None = None
    """Exactly one of `folder` and `kubernetes`."""
    webhook: Webhook | None = None
    """None: there is no webhook."""
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

    def __post_init__(self) -> None:
        """Refuse what has no source, or two."""
        if (self.folder is None) == (self.kubernetes is None):
            raise ValueError("exactly one of folder and kubernetes must be set")
        if self.folder is not None and any(b.namespace_selector for b in self.boundaries):
            raise ValueError("boundaries: namespace_selector needs the source kubernetes")
        if self.webhook is not None and not self.webhook.tls:
            raise ValueError("webhook: tls needs cert_file and key_file")
