"""Configuration of the writer: patience, secrets, and where tenants may have batches sent."""

from typing import Annotated, Literal

from msgspec import Meta

from tenantry_common import config
from tenantry_common.kubernetes import Settings
from writer import addresses, allow

type Seconds = Annotated[float, Meta(gt=0)]


class Config(config.Service, frozen=True, kw_only=True):
    """The whole file. All writers of one NATS must agree on `ack_wait_seconds`."""

    ack_wait_seconds: Seconds = 30.0
    """Seconds without a word from a writer after which NATS gives its batch to another one."""
    request_timeout_seconds: Seconds = 20.0
    """Seconds that one request to an endpoint may take; less than `ack_wait_seconds`."""
    retry_first_seconds: Seconds = 0.03
    """Seconds before the first retry at an endpoint that is away; doubles with every further one."""
    retry_limit_seconds: Seconds = 60.0
    """Seconds between retries at most."""
    retry_after_limit_seconds: Seconds = 300.0
    """Seconds that an endpoint's Retry-After is heeded at most."""
    fault_retry_seconds: Seconds = 30.0
    """Seconds between tries at an endpoint that somebody must repair: 404, 401, missing secret."""
    poison_tries: Annotated[int, Meta(ge=2)] = 5
    """Answers 500 with the same text after which a batch is taken apart to find what causes it."""
    consumer_idle_seconds: Seconds = 24 * 3600.0
    """Seconds without any writer asking after which NATS forgets an endpoint's cursor."""
    backfill_patience_seconds: Seconds = 600.0
    """Seconds without progress after which an endpoint that missed batches gets newer ones before
    what it missed. Only endpoints that take samples out of order can then still be made up for."""
    secrets_dir: str = ""
    """Folder of secrets, one file each: `<namespace>/<name>/<key>`; empty: there are none."""
    secrets_from: Literal["files", "kubernetes"] = "files"
    """Where secrets are read: `secrets_dir`, or Secrets of the cluster, each by its name in the
    namespace of the tenant that refers to it."""
    secrets_keep_seconds: Seconds = 30.0
    """Seconds for which a Secret is used before it is read again. One that an endpoint does not
    accept is read again at once."""
    kubernetes: Settings = Settings()
    """How to reach the API server, where secrets come from there."""
    remote_write_allow: tuple[str, ...] = ()
    """Where `remote_write` targets of tenants may point: URL prefixes (`https://m.example.com/api/`)
    and hosts (`m.example.com`, `m.example.com:9090`, `*.example.com`). Empty: nowhere. Targets of
    type `prometheus` come from the platform and need no entry."""
    remote_write_allow_networks: tuple[str, ...] = ()
    """Networks (`10.20.0.0/16`) that names of tenants' targets may resolve to although they are not
    public. Empty: public addresses only. An address that `remote_write_allow` lists as such needs
    no entry."""
    shutdown_grace_seconds: float = 25.0
    """Seconds that draining may take after SIGTERM; running requests are waited for."""

    def __post_init__(self) -> None:
        """Refuse what cannot work. Raises ValueError, which msgspec turns into its own error."""
        if self.request_timeout_seconds >= self.ack_wait_seconds:
            raise ValueError("$.request_timeout_seconds must be less than ack_wait_seconds")
        if self.secrets_dir and self.secrets_from != "files":
            raise ValueError("$.secrets_dir belongs to secrets_from: files")
        allow.parse(self.remote_write_allow)
        addresses.parse(self.remote_write_allow_networks)
