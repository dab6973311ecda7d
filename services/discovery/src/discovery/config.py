"""Configuration of discovery: where backends come from, and how they are probed and grouped."""

from tenantry_common import config


class FileSd(config.Section, frozen=True, kw_only=True):
    """Folders of file_sd files, in Prometheus' own JSON and YAML format."""

    folders: tuple[str, ...] = ()
    """Folders whose `*.json`, `*.yml` and `*.yaml` files list backends; not searched recursively."""
    reread_seconds: float = 2.0
    """Seconds after which folders are read again even if the system announced no change."""


class Sources(config.Section, frozen=True, kw_only=True):
    """Where backends come from; each kind of source is a field, and all are used together."""

    file_sd: FileSd = FileSd()


class Config(config.Service, frozen=True, kw_only=True):
    """The whole file."""

    discovery: Sources = Sources()
    probe_interval_seconds: float = 10.0
    """Seconds between two probes of a backend."""
    probe_timeout_seconds: float = 5.0
    """Seconds that one probe of a backend may take, all its requests together."""
    replica_labels: tuple[str, ...] = ("prometheus_replica", "replica", "__replica__")
    """Names of external labels that differ between replicas which hold the same data."""
