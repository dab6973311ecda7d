"""A Prometheus server that scrapes what it is told and accepts remote writes."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tenantry_local import binaries, commands, readiness
from tenantry_local.ports import LOOPBACK, free_port
from tenantry_local.server import Command, Launch, Server, native

REMOTE_WRITE_HEADERS = {
    "Content-Encoding": "snappy",
    "Content-Type": "application/x-protobuf",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}
"""What a sender says of a remote write 1.0 request; Prometheus 3 answers 415 without."""


def major_version() -> int:
    """Return the major version of the Prometheus that is started."""
    said = commands.run(str(binaries.find(binaries.PROMETHEUS)), "--version")
    return int(said.removeprefix("prometheus, version ").partition(".")[0])


class Prometheus(Server):
    """One Prometheus on loopback, 2.42 or newer; its samples are kept in `directory`."""

    def __init__(
        self,
        directory: Path,
        *,
        name: str = "prometheus",
        port: int | None = None,
        log: Path | None = None,
        scrape_configs: Sequence[Mapping[str, Any]] = (),
        scrape_interval: str = "15s",
        external_labels: Mapping[str, str] | None = None,
        out_of_order_window: str = "0s",
        retention: str = "15d",
        settings: Mapping[str, Any] | None = None,
        flags: Sequence[str] = (),
        launch: Launch = native,
    ) -> None:
        """Describe the server.

        `scrape_configs` and `settings` (more top-level keys, such as `rule_files`) are in the words
        of prometheus.yml; `out_of_order_window` and `retention` are Prometheus durations.
        """
        self.port = port or free_port()
        self.scrape_configs = list(scrape_configs)
        self._config = directory / "prometheus.yml"
        self._global = {
            "scrape_interval": scrape_interval,
            "evaluation_interval": scrape_interval,
            "external_labels": dict(external_labels or {}),
        }
        self._out_of_order_window = out_of_order_window
        self._settings = settings or {}
        super().__init__(
            Command(
                name=name,
                binary=binaries.PROMETHEUS,
                arguments=(
                    f"--config.file={self._config}",
                    f"--storage.tsdb.path={directory / 'data'}",
                    f"--storage.tsdb.retention.time={retention}",
                    f"--web.listen-address={LOOPBACK}:{self.port}",
                    "--web.enable-remote-write-receiver",
                    "--web.enable-lifecycle",
                    *flags,
                ),
                directory=directory,
                log=log or directory / f"{name}.log",
                ports=(self.port,),
                ready=readiness.http_ok(f"{self.url}/-/ready"),
            ),
            launch,
        )

    @property
    def url(self) -> str:
        """Root of the HTTP API."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def remote_write_url(self) -> str:
        """Where remote writes are accepted."""
        return f"{self.url}/api/v1/write"

    def write_config(self) -> None:
        """Write prometheus.yml; a running server takes it over after a POST to `/-/reload`."""
        config = {
            "global": self._global,
            "storage": {"tsdb": {"out_of_order_time_window": self._out_of_order_window}},
            "scrape_configs": self.scrape_configs,
            **self._settings,
        }
        self._config.write_text(yaml.safe_dump(config, sort_keys=False))
