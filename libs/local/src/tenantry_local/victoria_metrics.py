"""A single-node VictoriaMetrics: another receiver of remote writes, another query engine."""

from collections.abc import Sequence
from pathlib import Path

from tenantry_local import binaries, readiness
from tenantry_local.ports import LOOPBACK, free_port
from tenantry_local.server import Command, Launch, Server, native


class VictoriaMetrics(Server):
    """One VictoriaMetrics on loopback; its samples are kept in `directory`."""

    def __init__(
        self,
        directory: Path,
        *,
        name: str = "victoria-metrics",
        port: int | None = None,
        log: Path | None = None,
        flags: Sequence[str] = (),
        launch: Launch = native,
    ) -> None:
        """Describe the server; `flags` are more of its own, such as `-dedup.minScrapeInterval`."""
        self.port = port or free_port()
        super().__init__(
            Command(
                name=name,
                binary=binaries.VICTORIA_METRICS,
                arguments=(
                    f"-httpListenAddr={LOOPBACK}:{self.port}",
                    f"-storageDataPath={directory / 'data'}",
                    "-search.latencyOffset=0s",  # by default it hides the last 30 s
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
        """Root of the HTTP API, which includes Prometheus' query API."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def remote_write_url(self) -> str:
        """Where remote writes are accepted."""
        return f"{self.url}/api/v1/write"
