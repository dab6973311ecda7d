"""What `tenantry edge` is told: one YAML file, one Struct; paths are those of the working directory."""

from pathlib import Path
from typing import Any, Literal

import msgspec

from discovery.kubernetes.settings import Rule
from tenantry_common import config, duration, errors
from tenantry_common.backend_access import Profile
from tenantry_common.kubernetes_settings import Settings


class Sources(config.Section, frozen=True, kw_only=True):
    """Where the Prometheus servers are; everything that is named is used together."""

    static: tuple[str, ...] = ()
    """Their base URLs."""
    file_sd: tuple[str, ...] = ()
    """Folders of file_sd files, in Prometheus' own format."""
    kubernetes: Rule | tuple[Rule, ...] = ()
    """What is searched in the cluster, as discovery's own setting of this name."""
    kubernetes_api: Settings = Settings()
    """How to reach the API server; nothing set: this is a pod of the cluster."""
    access: Profile | None = None
    """Credentials of the servers, as discovery's own `backend_access`; none: they want none."""
    replica_labels: tuple[str, ...] | None = None
    """External labels that differ between servers that hold the same data; none: discovery's own."""

    def __post_init__(self) -> None:
        """Refuse a file without any source."""
        if not (self.static or self.file_sd or self.kubernetes):
            raise ValueError("name at least one of static, file_sd and kubernetes")


class Anonymise(config.Section, frozen=True, kw_only=True):
    """Labels whose values are replaced by salted digests."""

    labels: tuple[str, ...]
    """Their names."""
    salt_file: str
    """Path of a file that holds the salt; read again when it changes."""


class Upstream(config.Section, frozen=True, kw_only=True):
    """Where everything is pushed. Files are read again when they change."""

    type: Literal["remote_write", "telemeter"]
    """remote_write: a receiver or anything else that takes remote writes; telemeter: a telemeter
    server, or a receiver that takes uploads as one does."""
    url: str
    """remote_write: the URL that is posted to; telemeter: the one below which `/authorize` and
    `/upload` are."""
    id: str = ""
    """Id of this cluster; remote_write without one: the credential is the bearer token."""
    credential_file: str = ""
    """Path of the long-lived credential; empty: none, as with a client certificate alone."""
    authorize_url: str = ""
    """remote_write: URL that exchanges the credential for a token. Empty: credential and id go
    together with each request, as telemeter takes them for remote writes."""
    ca_file: str = ""
    """Path of the certificates that sign the server's; empty: those of the system."""
    cert_file: str = ""
    """Path of the client certificate."""
    key_file: str = ""
    """Path of its private key."""
    server_name: str = ""
    """Name that the server's certificate must have; empty: the URL's host."""
    upload_interval: str = "4m30s"
    """telemeter: least time between two uploads."""
    upload_bytes: int = 512_000
    """telemeter: largest upload before compression."""

    def __post_init__(self) -> None:
        """Refuse what does not go together."""
        if self.type == "telemeter" and not (self.id and self.credential_file):
            raise ValueError("type telemeter needs id and credential_file")
        if self.type == "telemeter" and self.authorize_url:
            raise ValueError("authorize_url belongs to type remote_write")
        if (self.id or self.authorize_url) and not (self.id and self.credential_file):
            raise ValueError("a cluster that authorises needs id and credential_file")
        if bool(self.cert_file) != bool(self.key_file):
            raise ValueError("a client certificate needs cert_file and key_file")


class Ports(config.Section, frozen=True, kw_only=True):
    """Ports on loopback; 0 takes any free one. Of services it is the one of /metrics and /readyz."""

    nats: int = 0
    nats_monitor: int = 0
    discovery: int = 0
    tenant_controller: int = 0
    collector: int = 0
    writer: int = 0


class Edge(config.Section, frozen=True, kw_only=True):
    """The whole file."""

    sources: Sources
    match: tuple[str, ...]
    """What is pushed, item by item: a metric name, a PromQL series selector, or a regular expression
    for the whole name, as `spec.metrics` of a MetricAccess."""
    upstream: Upstream
    data_dir: str
    """Folder of everything that must survive a restart."""
    interval: str | None = None
    """Time between two collections; none: 30s, or 4m30s for a telemeter server."""
    collection: Literal["raw", "latest"] | None = None
    """raw: every sample; latest: the newest of each series and interval. None: raw, or latest for a
    telemeter server."""
    lookback: str = "1h"
    """How far back samples are fetched that were not collected in time."""
    labels: dict[str, str] = msgspec.field(default_factory=dict)
    """Labels that are added to every series."""
    elide: tuple[str, ...] = ()
    """Labels that are dropped."""
    rename: dict[str, str] = msgspec.field(default_factory=dict)
    """Names of metrics, old to new."""
    anonymise: Anonymise | None = None
    start_jitter: str = "10s"
    """Collecting begins at a random moment within this time, so that clusters that were started
    together do not push together."""
    keep: str = "24h"
    """For how long samples wait for an upstream that is away."""
    keep_bytes: int = 4 << 30
    """Bytes of them at most."""
    ports: Ports = Ports()
    services: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)
    """More settings of single services (`collector: {settle_seconds: 2}`), in their own words."""

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if not self.match:
            raise ValueError("match names nothing to push")
        for name in ("start_jitter", "keep"):
            if duration.milliseconds(getattr(self, name)) is None:
                raise ValueError(f'{name} is not a duration such as "30s" or "1h30m"')
        if unknown := self.services.keys() - SERVICES:
            raise ValueError(f"services: there is no {min(unknown)!r}, only {', '.join(SERVICES)}")

    @property
    def to_telemeter(self) -> bool:
        """Whether a telemeter server is the upstream."""
        return self.upstream.type == "telemeter"


SERVICES = ("discovery", "tenant_controller", "collector", "writer")
"""The services of an edge, by their modules."""


def load(path: Path) -> Edge:
    """Read the file. Raises `errors.ConfigError`, also for a file that it names and is not there."""
    edge = config.load(Edge, path, env={})
    for field, name in files(edge):
        try:
            Path(name).read_bytes()
        except OSError as error:
            raise errors.ConfigError(f"{path}: {error.strerror}: {name} - at `{field}`") from error
    return edge


def files(edge: Edge) -> list[tuple[str, str]]:
    """Return the files that `edge` names, each with the field that names it."""
    upstream = edge.upstream
    named = [
        ("$.upstream.credential_file", upstream.credential_file),
        ("$.upstream.ca_file", upstream.ca_file),
        ("$.upstream.cert_file", upstream.cert_file),
        ("$.upstream.key_file", upstream.key_file),
        ("$.anonymise.salt_file", edge.anonymise.salt_file if edge.anonymise else ""),
    ]
    return [(field, name) for field, name in named if name]
