"""Configuration of the receiver: where it listens, whom it believes, and what a push may cost."""

from typing import Literal

from receiver.federate.settings import Federate
from receiver.identity.settings import Auth
from tenantry_common import config
from tenantry_common.kubernetes_settings import Settings


class Listen(config.Section, frozen=True, kw_only=True):
    """The port that clusters push to. Nothing of the ops port is reachable here."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = 8081
    """Port to listen on; 0 takes any free one and logs it."""
    tls: config.Tls = config.Tls()
    """Certificates; without any, plain HTTP is spoken."""
    base: str = ""
    """What paths begin with, such as `/push`; empty: nothing."""
    connections: int = 2000
    """Connections at the same time; further ones are closed at once."""
    idle_seconds: float = 60.0
    """Seconds for which a connection may be idle, and in which the head of a request must arrive."""
    drain_delay_seconds: float = 0.0
    """Seconds between the signal to stop and the end of listening, during which `/readyz` says no."""

    def __post_init__(self) -> None:
        """Refuse what could not be served."""
        if self.base and (not self.base.startswith("/") or self.base.endswith("/")):
            raise ValueError("base begins with a slash and does not end with one")
        if self.connections < 1 or self.idle_seconds <= 0:
            raise ValueError("connections and idle_seconds must be positive")


class Limits(config.Section, frozen=True, kw_only=True):
    """What a push may cost."""

    upload_bytes: int = 512_000
    """Bytes of the body of an upload, as it arrives."""
    upload_decoded_bytes: int = 512_000
    """Bytes of the body of an upload, decompressed."""
    write_bytes: int = 2 << 20
    """Bytes of the body of a remote write, as it arrives."""
    write_decoded_bytes: int = 8 << 20
    """Bytes of the body of a remote write, decompressed."""
    body_seconds: float = 30.0
    """Seconds in which a body must arrive."""
    pushes: int = 128
    """Pushes that are read or worked on at the same time; further ones are answered 503."""
    remembered_series: int = 200_000
    """Kinds of series whose labels are remembered, some 600 bytes each; long labels count for more."""
    store_seconds: float = 15.0
    """Seconds for which a push is tried to be stored before it is answered 503."""

    def __post_init__(self) -> None:
        """Refuse limits under which nothing could be pushed."""
        if any(getattr(self, name) <= 0 for name in self.__struct_fields__):
            raise ValueError("limits must be positive")


class Config(config.Service, frozen=True, kw_only=True):
    """The whole file."""

    listen: Listen = Listen()
    auth: Auth = Auth()
    limits: Limits = Limits()
    federate: Federate = Federate()
    secrets_dir: str = ""
    """Folder of the salts that jobs anonymise labels with, `<namespace>/<name>/<key>`; empty: there
    are none, and such jobs take no pushes."""
    secrets_from: Literal["files", "kubernetes"] = "files"
    """Where salts are read: `secrets_dir`, or Secrets of the cluster, in the tenant's namespace."""
    secrets_keep_seconds: float = 30.0
    """Seconds for which a Secret is used before it is read again."""
    kubernetes: Settings = Settings()
    """How to reach the API server, where salts come from there."""

    def __post_init__(self) -> None:
        """Refuse settings that contradict one another."""
        if self.secrets_dir and self.secrets_from != "files":
            raise ValueError("$.secrets_dir belongs to secrets_from: files")
        if self.auth.needs_certificates and not self.listen.tls.client_ca_file:
            raise ValueError("client certificates need listen.tls.client_ca_file")
        if self.listen.drain_delay_seconds + 2 > self.shutdown_grace_seconds:
            raise ValueError("shutdown_grace_seconds leaves no time after drain_delay_seconds")
