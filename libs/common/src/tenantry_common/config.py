"""Read one YAML file into one Struct, let the environment override it, name what is wrong.

A service's config is a frozen Struct that forbids unknown fields. Every error is a
`errors.ConfigError` whose text holds msgspec's path (``$.nats.servers``), and ends the process
with exit code 2. `TENANTRY__NATS__SERVERS='["nats://a:4222"]'` overrides ``$.nats.servers``: the
value is read as YAML. Secrets are file paths, never values.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec
import yaml

from tenantry_common import errors

ENV_PREFIX = "TENANTRY__"

type LogFormat = Literal["json", "text"]


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every piece of configuration."""


class Nats(Section, frozen=True, kw_only=True):
    """How to reach NATS, and how durable what we create there is."""

    servers: tuple[str, ...] = ("nats://127.0.0.1:4222",)
    """URLs of the cluster's nodes, tried in turn."""
    credentials_file: str = ""
    """Path of a NATS .creds file; empty for none."""
    username: str = ""
    """User name; the password is read from `password_file`. The user's inboxes begin with
    `_INBOX_<username>`, so that it needs no permission to hear those of others."""
    password_file: str = ""
    """Path of a file that holds the password."""
    tls_ca_file: str = ""
    """Path of the CA bundle that signs the servers' certificates; empty: no TLS."""
    tls_cert_file: str = ""
    """Path of the client certificate, for mutual TLS."""
    tls_key_file: str = ""
    """Path of the client certificate's key."""
    replicas: int = 1
    """Replicas (R) of the streams and buckets that are created: 1 on a laptop, 3 in a cluster."""
    samples_max_bytes: int = 1 << 30
    """Bytes that stream SAMPLES may hold."""
    samples_max_age_seconds: int = 6 * 3600
    """Seconds that a batch is kept for an endpoint that is away."""
    samples_max_per_subject: int = 20_000
    """Batches kept per shard of a job, so that one tenant cannot push out another."""


class Tls(Section, frozen=True, kw_only=True):
    """How a port is served over TLS. The files are read again when they change."""

    cert_file: str = ""
    """Path of the server's certificate chain, PEM; empty: no TLS."""
    key_file: str = ""
    """Path of its private key, PEM, without a pass phrase."""
    client_ca_file: str = ""
    """Path of the CA certificates, PEM, that sign client certificates; empty: none are asked for."""
    client_certificate: Literal["optional", "required"] = "optional"
    """Whether a client without a certificate may connect. One whose certificate is not valid never
    may."""
    minimum: Literal["1.2", "1.3"] = "1.2"
    """Oldest version of TLS that is spoken."""

    def __post_init__(self) -> None:
        """Refuse halves."""
        if bool(self.cert_file) != bool(self.key_file):
            raise ValueError("TLS needs cert_file and key_file")
        if self.client_ca_file and not self.cert_file:
            raise ValueError("client_ca_file needs cert_file")

    def __bool__(self) -> bool:
        """Tell whether the port is served over TLS."""
        return bool(self.cert_file)


class Ops(Section, frozen=True, kw_only=True):
    """The internal port: /metrics, /healthz, /readyz and /debug."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = 0
    """Port to listen on; 0 takes any free one and logs it."""
    socket: str = ""
    """Path of a Unix socket to listen on instead of host and port; empty: none."""


class Log(Section, frozen=True, kw_only=True):
    """What is logged, and how."""

    level: str = "info"
    """debug, info, warning or error."""
    format: LogFormat = "json"
    """json for machines, text for people."""


class Service(Section, frozen=True, kw_only=True):
    """What every service's configuration holds; each service adds its own fields."""

    nats: Nats = Nats()
    ops: Ops = Ops()
    log: Log = Log()
    instance: str = ""
    """Name of this instance, unique among those of its service; empty: host name and pid."""
    shutdown_grace_seconds: float = 20.0
    """Seconds that draining may take after SIGTERM."""


def load[T: Section](kind: type[T], path: Path | None, env: Mapping[str, str] = os.environ) -> T:
    """Read `path` (none: an empty document) and the environment into `kind`.

    Raises `errors.ConfigError` with the file and the path inside it.
    """
    document = _read(path) if path else {}
    where = str(path) if path else "configuration"
    for name, text in sorted(env.items()):
        if name.startswith(ENV_PREFIX):
            _override(document, name, text)
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        raise errors.ConfigError(f"{where}: {error}") from error


def _read(path: Path) -> dict[str, Any]:
    try:
        document = yaml.safe_load(path.read_text())
    except OSError as error:
        raise errors.ConfigError(f"{path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise errors.ConfigError(f"{path}: not YAML: {error}") from error
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise errors.ConfigError(f"{path}: the top level must be a mapping")
    return document


def _override(document: dict[str, Any], name: str, text: str) -> None:
    *parents, last = name.removeprefix(ENV_PREFIX).lower().split("__")
    for key in parents:
        inner = document.setdefault(key, {})
        if not isinstance(inner, dict):
            raise errors.ConfigError(f"{name}: {key!r} is not a section")
        document = inner
    try:
        document[last] = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise errors.ConfigError(f"{name}: not YAML: {error}") from error
