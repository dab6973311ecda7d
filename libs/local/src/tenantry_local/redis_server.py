"""A Redis or Valkey: a cache that instances of a service share."""

from collections.abc import Sequence
from pathlib import Path

from tenantry_local import binaries, readiness
from tenantry_local.ports import LOOPBACK, free_port
from tenantry_local.server import Command, Launch, Server, native


class RedisServer(Server):
    """One Redis or Valkey on loopback; what it holds is lost when it ends."""

    def __init__(
        self,
        directory: Path,
        *,
        name: str = "redis",
        port: int | None = None,
        log: Path | None = None,
        tls: bool = False,
        flags: Sequence[str] = (),
        launch: Launch = native,
    ) -> None:
        """Describe the server; `flags` are lines of its configuration as `--name value` words.

        With `tls`, nothing else is spoken; `flags` name the certificates.
        """
        self.port = port or free_port()
        self._scheme = "rediss" if tls else "redis"
        ports = ("0", "--tls-port", str(self.port)) if tls else (str(self.port),)
        super().__init__(
            Command(
                name=name,
                binary=binaries.REDIS,
                arguments=(
                    "--bind", LOOPBACK, "--port", *ports, "--dir", str(directory),
                    "--save", "", "--appendonly", "no", *flags,
                ),
                directory=directory,
                log=log or directory / f"{name}.log",
                ports=(self.port,),
                ready=readiness.tcp_open(LOOPBACK, self.port),
            ),
            launch,
        )  # fmt: skip

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"{self._scheme}://{LOOPBACK}:{self.port}/0"
