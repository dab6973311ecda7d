"""Know which package of each source holds the servers that this machine may lack."""

from dataclasses import dataclass

from tenantry_local import binaries
from tenantry_local.binaries import Binary
from tenantry_local.errors import InstallFailed


@dataclass(frozen=True, kw_only=True)
class Package:
    """A server with its companions, as it is distributed."""

    name: str
    """The name by which people ask for it."""
    archives: tuple[str, ...] = ()
    """Names of the Debian and Ubuntu packages, if it is not one of its own name."""
    binary: Binary
    """The server itself; when it is found nothing is installed."""
    companions: tuple[Binary, ...] = ()
    """Other executables of the package that are kept too."""
    formula: str | None
    """Name of the Homebrew formula, where there is one."""
    image_folder: str
    """Folder of the container image that holds the executables."""
    image_executables: tuple[str, ...]
    """Their names in the image."""

    @property
    def executables(self) -> tuple[str, ...]:
        """All file names that the executables may have, those of the server first."""
        return tuple(name for one in (self.binary, *self.companions) for name in one.names)


KNOWN = (
    Package(
        name="prometheus",
        binary=binaries.PROMETHEUS,
        companions=(binaries.PROMTOOL,),
        formula="prometheus",
        image_folder="/bin",
        image_executables=("prometheus", "promtool"),
    ),
    Package(
        name="prometheus-pushgateway",
        binary=binaries.PUSHGATEWAY,
        formula=None,
        image_folder="/bin",
        image_executables=("pushgateway",),
    ),
    Package(
        name="victoria-metrics",
        binary=binaries.VICTORIA_METRICS,
        formula="victoriametrics",
        image_folder="/",
        image_executables=("victoria-metrics-prod",),
    ),
    Package(
        name="vmagent",
        archives=("victoria-metrics",),
        binary=binaries.VMAGENT,
        formula=None,
        image_folder="/",
        image_executables=("vmagent-prod",),
    ),
    Package(
        name="redis-server",
        archives=("redis-server", "redis-tools"),  # a link, and what it leads to
        binary=binaries.REDIS,
        formula="redis",
        image_folder="/usr/local/bin",
        image_executables=("redis-server",),
    ),
)


def named(name: str) -> Package:
    """Return the package of that name; raise InstallFailed with the known names otherwise."""
    for package in KNOWN:
        if package.name == name:
            return package
    known = ", ".join(package.name for package in KNOWN)
    raise InstallFailed(f"{name} is not a server known here (known: {known})")
