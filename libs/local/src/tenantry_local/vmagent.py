"""A vmagent: scrapes and forwards by remote write; what benchmarks of delivery are compared with."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tenantry_local import binaries, readiness
from tenantry_local.ports import LOOPBACK, free_port
from tenantry_local.server import Command, Launch, Server, native


class Vmagent(Server):
    """One vmagent on loopback; what it has not sent yet is buffered in `directory`."""

    def __init__(
        self,
        directory: Path,
        *,
        remote_write_urls: Sequence[str],
        scrape_configs: Sequence[Mapping[str, Any]],
        name: str = "vmagent",
        port: int | None = None,
        log: Path | None = None,
        flags: Sequence[str] = (),
        launch: Launch = native,
    ) -> None:
        """Describe the agent; every URL of `remote_write_urls` gets all samples.

        `scrape_configs` are in the words of prometheus.yml; `flags` are more of its own, such as
        `-remoteWrite.forcePromProto` for versions that would speak a protocol of their own.
        """
        self.port = port or free_port()
        self._config = directory / "scrape.yml"
        self._scrape_configs = list(scrape_configs)
        super().__init__(
            Command(
                name=name,
                binary=binaries.VMAGENT,
                arguments=(
                    f"-promscrape.config={self._config}",
                    f"-remoteWrite.tmpDataPath={directory / 'buffer'}",
                    *(f"-remoteWrite.url={url}" for url in remote_write_urls),
                    f"-httpListenAddr={LOOPBACK}:{self.port}",
                    *flags,
                ),
                directory=directory,
                log=log or directory / f"{name}.log",
                ports=(self.port,),
                ready=readiness.http_ok(f"{self.url}/health"),
            ),
            launch,
        )

    @property
    def url(self) -> str:
        """Where `/metrics` and `/targets` are served."""
        return f"http://{LOOPBACK}:{self.port}"

    def write_config(self) -> None:
        """Write the scrape configuration."""
        config = {"scrape_configs": self._scrape_configs}
        self._config.write_text(yaml.safe_dump(config, sort_keys=False))
