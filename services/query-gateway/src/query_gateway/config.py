"""The query gateway's configuration: where it listens, whom it believes, what it allows."""

import re
from urllib.parse import urlsplit

import msgspec

from query_gateway.identity.settings import Auth
from tenantry_common import config
from tenantry_common.backend_access import Profile

_HEADER = re.compile(r"[A-Za-z0-9-]+")
_OUR_HEADERS = re.compile(
    "accept|accept-encoding|connection|content-.*|expect|host|keep-alive|te|traceparent|trailer"
    "|transfer-encoding|upgrade|user-agent|x-prometheus-remote-read-version"
)


MOST_WORKERS = 128


class Listen(config.Section, frozen=True, kw_only=True):
    """The tenants' port. Nothing of the ops port is reachable here."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = 8080
    """Port to listen on; 0 takes any free one and logs it."""
    tls: config.Tls = config.Tls()
    """Certificates; without any, plain HTTP is spoken."""
    reuse_port: bool = False
    """Whether other processes may listen on the same port (SO_REUSEPORT); workers do."""
    drain_delay_seconds: float = 0.0
    """Seconds between the signal to stop and the end of listening, during which `/readyz` says no
    and connections are closed after their answer: what a load balancer needs to notice."""


class TenantLimits(config.Section, frozen=True, kw_only=True):
    """What one tenant may use; each can be another one's in `limits.overrides`."""

    query_bytes: int = 64 * 1024
    """Longest PromQL expression or selector, in bytes of UTF-8."""
    pieces: int = 64
    """Most alternatives that one selector may become when the tenant's rules are applied."""
    output_bytes: int = 256 * 1024
    """Longest query that is sent to a backend, in bytes of UTF-8."""
    range_seconds: float = 366 * 86400.0
    """Longest time between `start` and `end` and over which range selectors of the query go, all
    together, in seconds."""
    points: int = 11_000
    """Most points per series of a range query, as Prometheus counts them: range through step."""
    upstream_queries: int = 64
    """Most requests to backends that one request over several shards may need."""
    buffered_bytes: int = 64 * 1024 * 1024
    """Largest answer of the endpoints whose answers are checked or merged as a whole (series,
    labels, label values, range selectors of several pieces), in bytes. Others are streamed."""
    answer_bytes: int = 1024 * 1024 * 1024
    """Largest streamed answer, in bytes; one that turns out to be larger is broken off."""
    shard_seconds: float = 60.0
    """Seconds within which each of several shards must answer its part."""
    timeout_seconds: float = 120.0
    """Seconds within which a backend must begin to answer, where that is less than
    `upstream.timeout_seconds`."""
    requests_per_second: float = 1000.0
    """Requests that a tenant may send in the long run; those beyond are answered 429."""
    burst: float = 2000.0
    """Requests that it may send at once after a pause."""
    concurrent_per_tenant: int = 20
    """Requests of one tenant that are with a backend at the same time."""
    waiting_per_tenant: int = 200
    """Further requests of one tenant that wait for their turn; those beyond are answered 429."""
    wait_seconds: float = 30.0
    """Seconds that a request waits for its turn before it is answered 429."""

    def __post_init__(self) -> None:
        """Refuse limits under which nothing could be answered."""
        for field in self.__struct_fields__:
            value = getattr(self, field)
            if isinstance(value, int | float) and value <= 0 and not field.startswith("wait"):
                raise ValueError(f"{field} must be above 0")
        if self.burst < 1:
            raise ValueError("burst must be at least 1")


class Limits(TenantLimits, frozen=True, kw_only=True):
    """What one request, one tenant and all tenants together may use."""

    request_bytes: int = 256 * 1024
    """Longest URL and, on its own, longest body of a request, in bytes."""
    read_request_bytes: int = 1024 * 1024
    """Largest remote-read request after decompression, in bytes."""
    read_seconds: float = 10.0
    """Seconds that a client may take to send its request's body."""
    concurrent: int = 200
    """Requests of all tenants that are with a backend at the same time. When all places are taken,
    the next free one goes to the tenant with the fewest."""
    overrides: dict[str, dict[str, int | float]] = msgspec.field(default_factory=dict)
    """Tenant → its own values of the limits of a tenant."""

    def __post_init__(self) -> None:
        """Refuse overrides that cannot be read."""
        super().__post_init__()
        self.own()

    def own(self) -> dict[str, TenantLimits]:
        """Return the limits of each tenant that has some of its own. Raises ValueError."""
        return {tenant: self._with(tenant, changed) for tenant, changed in self.overrides.items()}

    def _with(self, tenant: str, changed: dict[str, int | float]) -> TenantLimits:
        common = {field: getattr(self, field) for field in TenantLimits.__struct_fields__}
        try:
            return msgspec.convert({**common, **changed}, TenantLimits)
        except msgspec.ValidationError as error:
            raise ValueError(f"overrides of {tenant}: {error}") from error


class Audit(config.Section, frozen=True, kw_only=True):
    """The events on the logger `tenantry.audit`."""

    successes: bool = True
    """Whether answered requests are written too."""
    failures_per_second: float = 0.1
    """Failed requests of one peer for one reason that are written in the long run, ten times as many
    at once. The others are counted in the next event."""
    all_failures_per_second: float = 50.0
    """Failed requests of everybody that are written in the long run."""


class Tracing(config.Section, frozen=True, kw_only=True):
    """Traces of our own. Without, a tenant's `traceparent` is passed on as it is."""

    otlp_endpoint: str = ""
    """URL of an OTLP/HTTP collector, such as `http://otel:4318/v1/traces`; empty: none. Needs the
    extra `otel`."""
    sampled_share: float = 0.1
    """Share of the traces that begin here which are sent, 0 to 1. One that begins at the tenant is
    sent when the tenant samples it."""


class Upstream(config.Section, frozen=True, kw_only=True):
    """How the backends are asked."""

    timeout_seconds: float = 120.0
    """Seconds within which a backend must begin to answer, all attempts together. Sent along as
    `timeout` where the tenant gives none."""
    connect_seconds: float = 2.0
    """Seconds within which a backend must accept a connection."""
    hedge_seconds: float = 10.0
    """Seconds after which another replica is asked beside one that has not begun to answer; whichever
    answers first counts."""
    stall_seconds: float = 60.0
    """Seconds without any progress after which a streamed answer is broken off, whether the
    backend does not send or the tenant does not read."""
    connections_per_backend: int = 200
    """Open connections to one backend."""
    breaker_failures: int = 5
    """Requests in a row that a backend may leave without an answer before others are asked first."""
    breaker_seconds: float = 1.0
    """Seconds until it is tried again, with one request; doubled while that fails, up to 30."""
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    """Headers that every request to a backend gets, such as `X-Scope-OrgID` for the one tenant of a
    Mimir that holds everything. What tenants send under these names never gets there."""

    def __post_init__(self) -> None:
        """Refuse headers that would break requests, and asking everybody at once."""
        if self.hedge_seconds <= 0:
            raise ValueError("hedge_seconds must be above 0")
        for name, value in self.headers.items():
            if not _HEADER.fullmatch(name) or _OUR_HEADERS.fullmatch(name.lower()):
                raise ValueError(f"headers: {name!r} cannot be set")
            if not (value.isascii() and value.isprintable()):
                raise ValueError(f"headers: the value of {name} must be printable ASCII")


class Redis(config.Section, frozen=True, kw_only=True):
    """A Redis or Valkey in which gateways share what is kept."""

    url: str = ""
    """`redis://host:6379/0`, `rediss://…` for TLS, or `unix:///path`; empty: none."""
    username: str = ""
    """User of Redis' access control lists; empty: the default one."""
    password_file: str = ""
    """Path of a file that holds the password; read anew for each connection."""
    key_file: str = ""
    """Path of a file with a secret of at least 32 bytes, the same for all gateways: records are
    encrypted with it, and what was not is not believed."""
    tls_ca_file: str = ""
    """Path of the CA certificates, PEM, that sign the server's; empty: those of the system."""
    tls_cert_file: str = ""
    """Path of our certificate chain, PEM, for a server that wants one."""
    tls_key_file: str = ""
    """Path of its private key, PEM."""
    timeout_seconds: float = 0.1
    """Seconds within which Redis must answer; then the backend is asked."""
    entry_bytes: int = 1024 * 1024
    """Largest record, in bytes; larger ones are kept in memory only."""
    prefix: str = "tenantry:"
    """Before the name of every record."""

    def __post_init__(self) -> None:
        """Refuse what makes no sense, and secrets where they would be seen."""
        if not self.url:
            return
        parts = urlsplit(self.url)
        if parts.scheme not in ("redis", "rediss", "unix"):
            raise ValueError("url must begin with redis://, rediss:// or unix://")
        if "@" in parts.netloc or parts.query:
            raise ValueError("url must hold neither credentials nor options; use password_file")
        if not self.key_file:
            raise ValueError("url needs key_file")
        if bool(self.tls_cert_file) != bool(self.tls_key_file):
            raise ValueError("tls_cert_file and tls_key_file need each other")
        if self.username and not self.password_file:
            raise ValueError("username needs password_file")
        if self.timeout_seconds <= 0 or self.entry_bytes <= 0:
            raise ValueError("timeout_seconds and entry_bytes must be above 0")


class Cache(config.Section, frozen=True, kw_only=True):
    """What backends answered to range queries, kept step by step."""

    memory_bytes: int = 64 * 1024 * 1024
    """Bytes that are kept in memory; 0 keeps nothing."""
    fresh_seconds: float = 120.0
    """Steps that are younger are asked for again: their samples may still arrive."""
    keep_seconds: float = 6 * 3600.0
    """Seconds after which kept steps are asked for again: by then, what was changed in a backend's past
    is seen."""
    epoch: str = ""
    """Any text. Whoever changes it makes everything that was kept unreachable, such as after samples
    were backfilled or deleted."""
    redis: Redis = Redis()

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        if self.memory_bytes < 0 or self.fresh_seconds < 0:
            raise ValueError("memory_bytes and fresh_seconds must not be negative")
        if self.keep_seconds < 1:
            raise ValueError("keep_seconds must be at least 1")
        if self.redis.url and not self.memory_bytes:
            raise ValueError("redis needs memory_bytes, which come before it")


class Config(config.Service, frozen=True, kw_only=True):
    """The whole file."""

    listen: Listen = Listen()
    auth: Auth = Auth()
    limits: Limits = Limits()
    audit: Audit = Audit()
    tracing: Tracing = Tracing()
    upstream: Upstream = Upstream()
    cache: Cache = Cache()
    shard_labels: tuple[str, ...] = ()
    """Labels of backends that all their series are stored with, such as `cluster`. A query that names
    one value goes to the shards that have it only. Told, never guessed: external labels are not stored."""
    backend_access: dict[str, Profile] = msgspec.field(default_factory=dict)
    """Credentials of backends, by the name of the access profile that discovery gave them."""
    workers: int = 1
    """Processes that serve the tenants' port, one per core at best. Limits on how many requests
    there may be, and how often, are divided among them."""
    checked_share: float = 0.01
    """Share, from 0 to 1, of the answers to queries that only choose among series (`up == 0`) which
    are checked against the rules once more, read as a whole before the tenant gets anything. Series, label values, exemplars,
    metadata, rules, search and remote read are always checked."""
    policies_stale_seconds: float = 900.0
    """Seconds for which the last known policies are used while NATS is away; then every request is
    answered 503."""

    def __post_init__(self) -> None:
        """Refuse settings that contradict one another."""
        if not 1 <= self.workers <= MOST_WORKERS:
            raise ValueError(f"workers must be from 1 to {MOST_WORKERS}")
        if self.auth.needs_certificates and not self.listen.tls.client_ca_file:
            raise ValueError("client certificates need listen.tls.client_ca_file")
        if self.listen.drain_delay_seconds + 2 > self.shutdown_grace_seconds:
            raise ValueError("shutdown_grace_seconds leaves no time after drain_delay_seconds")
