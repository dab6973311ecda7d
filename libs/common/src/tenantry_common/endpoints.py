"""Where batches go, and how one is let in: the part of `contracts` that says so, secrets by reference."""

from typing import Literal

import msgspec


class SecretRef(msgspec.Struct, frozen=True, kw_only=True):
    """Where a secret is to be read by the writer. The secret itself never enters NATS."""

    name: str
    key: str


class BasicAuth(msgspec.Struct, frozen=True, kw_only=True):
    """HTTP basic authentication, the password by reference."""

    username: str
    password: SecretRef


class Authorization(msgspec.Struct, frozen=True, kw_only=True):
    """Header `Authorization: <type> <credentials>`, the credentials by reference."""

    credentials: SecretRef
    type: str = "Bearer"


class OAuth2(msgspec.Struct, frozen=True, kw_only=True):
    """OAuth 2.0 client credentials (RFC 6749, 4.4), the client's secret by reference."""

    client_id: str
    client_secret: SecretRef
    token_url: str
    scopes: tuple[str, ...] = ()
    endpoint_params: dict[str, str] = {}


class TlsConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How an endpoint's certificate is verified, and ours; PEM, by reference."""

    ca: SecretRef | None = None
    """Certificates that sign the endpoint's; none: those of the system."""
    cert: SecretRef | None = None
    key: SecretRef | None = None
    server_name: str = ""
    """Name that the endpoint's certificate must have; empty: the URL's host."""


class Authorize(msgspec.Struct, frozen=True, kw_only=True):
    """How a bearer token is got of an endpoint that authorises clusters (`push-federation`)."""

    id: str
    """Of the cluster that we are."""
    credentials: SecretRef
    """The long-lived credential."""
    url: str = ""
    """`POST <url>?id=<id>` with the credential answers a token. Empty: nothing is asked, credential
    and id go together with each request, in telemeter's form for remote writes."""


type EndpointKind = Literal["prometheus", "remote_write", "pushgateway", "telemeter"]


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One receiver of a job's batches; every endpoint of a job gets identical bytes."""

    id: str
    """Stable within the job; the delivery cursor on NATS carries it."""
    kind: EndpointKind
    url: str
    """The URL that is posted to (`…/api/v1/write`), or the Pushgateway's base URL."""
    headers: dict[str, str] = {}
    secret_headers: dict[str, SecretRef] = {}
    """Further headers, their values by reference."""
    basic_auth: BasicAuth | None = None
    authorization: Authorization | None = None
    oauth2: OAuth2 | None = None
    authorize: Authorize | None = None
    """At most one of these four."""
    tls: TlsConfig | None = None
    push_job: str = ""
    """Pushgateway only: the grouping key `job`."""
    upload_interval_ms: int = 270_000
    """Telemeter only: the least time between two uploads."""
    upload_bytes: int = 512_000
    """Telemeter only: the largest upload, before compression."""
