"""Configuration of discovery: where backends come from, and how they are probed and grouped."""

import msgspec

from discovery.kubernetes.settings import Rule
from tenantry_common import config, duration
from tenantry_common.backend_access import Profile
from tenantry_common.kubernetes import Settings


class FileSd(config.Section, frozen=True, kw_only=True):
    """Folders of file_sd files, in Prometheus' own JSON and YAML format."""

    folders: tuple[str, ...] = ()
    """Folders whose `*.json`, `*.yml` and `*.yaml` files list backends; not searched recursively."""
    reread_seconds: float = 2.0
    """Seconds after which folders are read again even if the system announced no change."""
    access: str = ""
    """Name of the access profile in `backend_access` for backends whose file names none by the label
    `__access__`; empty: no credentials."""


class Sources(config.Section, frozen=True, kw_only=True):
    """Where backends come from; each kind of source is a field, and all are used together."""

    file_sd: FileSd = FileSd()
    kubernetes: Rule | tuple[Rule, ...] = ()
    """What is searched in a Kubernetes cluster: one rule, or a list of them."""
    refresh_interval: str = "10m"
    """Duration after which objects are listed again even if no change was announced."""

    def __post_init__(self) -> None:
        """Refuse an interval that is none."""
        if self.refresh_seconds <= 0:
            raise ValueError(f"refresh_interval: {self.refresh_interval!r} is no duration")

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules of `kubernetes`, in their order."""
        return (self.kubernetes,) if isinstance(self.kubernetes, Rule) else self.kubernetes

    @property
    def refresh_seconds(self) -> float:
        """Seconds of `refresh_interval`."""
        return (duration.milliseconds(self.refresh_interval) or 0) / 1000

    @property
    def profiles(self) -> frozenset[str]:
        """The access profiles that are named."""
        named = {self.file_sd.access, *(rule.access for rule in self.rules)}
        return frozenset(named - {""})


class Config(config.Service, frozen=True, kw_only=True):
    """The whole file."""

    discovery: Sources = Sources()
    kubernetes: Settings = Settings()
    """How to reach the API server, where `discovery.kubernetes` is set."""
    backend_access: dict[str, Profile] = msgspec.field(default_factory=dict)
    """Access profiles by name. Whoever asks the backends needs them: gateway and collector too."""
    probe_interval_seconds: float = 10.0
    """Seconds between two probes of a backend."""
    probe_timeout_seconds: float = 5.0
    """Seconds that one probe of a backend may take, all its requests together."""
    cluster: str = ""
    """Name of the cluster whose series the backends hold, where their source names none by the label
    `tenantry_cluster` (annotation `tenantry.io/cluster`). Grants may be limited to clusters."""
    replica_labels: tuple[str, ...] = ("prometheus_replica", "replica", "__replica__")
    """Names of external labels that differ between replicas which hold the same data."""

    def __post_init__(self) -> None:
        """Refuse names of profiles that are not there."""
        missing = self.discovery.profiles - self.backend_access.keys()
        if missing:
            raise ValueError(f"backend_access: there is no profile {min(missing)!r}")
