"""A Pushgateway: holds what was pushed until Prometheus scrapes it."""

from pathlib import Path

from tenantry_local import binaries, readiness
from tenantry_local.ports import LOOPBACK, free_port
from tenantry_local.server import Command, Launch, Server, native


class Pushgateway(Server):
    """One Pushgateway on loopback; pushed groups are lost when it ends."""

    def __init__(
        self,
        directory: Path,
        *,
        name: str = "pushgateway",
        port: int | None = None,
        log: Path | None = None,
        launch: Launch = native,
    ) -> None:
        self.port = port or free_port()
        super().__init__(
            Command(
                name=name,
                binary=binaries.PUSHGATEWAY,
                arguments=(f"--web.listen-address={LOOPBACK}:{self.port}",),
                directory=directory,
                log=log or directory / f"{name}.log",
                ports=(self.port,),
                ready=readiness.http_ok(f"{self.url}/-/ready"),
            ),
            launch,
        )

    @property
    def url(self) -> str:
        """Root of the server: `/metrics`, `/metrics/job/<job>`."""
        return f"http://{LOOPBACK}:{self.port}"
