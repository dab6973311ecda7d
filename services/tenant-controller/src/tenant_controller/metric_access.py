"""MetricAccess as people write it: the Structs of `observability.ethos.io/v1alpha1`.

Everything that adobe/prometheus-multi-tenant-proxy accepts is accepted, and our own optional fields
beside it. Unknown fields are forbidden (a typo must not pass as a default), except in `metadata`
and `status`, which Kubernetes fills. Structure is checked by `structure`, meaning by `validate`.
"""

from typing import Any, Literal

import msgspec

GROUP = "observability.ethos.io"
API_VERSION = f"{GROUP}/v1alpha1"
KIND = "MetricAccess"

DEFAULT_INTERVAL = "30s"
DEFAULT_LOOKBACK = "1h"
DEFAULT_UPLOAD_INTERVAL = "4m30s"
DEFAULT_UPLOAD_BYTES = 512_000
DEFAULT_ID_LABEL = "_id"
DEFAULT_MAX_AGE = "24h"


class _Written(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"
):
    """Base of what stands in `spec`."""


class PrometheusTarget(_Written, frozen=True, kw_only=True):
    """A Prometheus server with the remote-write receiver on, found by its service."""

    service_name: str
    service_port: int = 9090
    replicas: int | None = None
    """Ours. Each replica gets every sample; none: the service is one endpoint."""
    stateful_set: str = ""
    """Ours. Name of the StatefulSet if it is not that of the service."""
    target_namespace: str = ""
    """Ours. Namespace of the service; empty for the tenant's own."""


class PushgatewayTarget(_Written, frozen=True, kw_only=True):
    """A Pushgateway, found by its service."""

    service_name: str
    job_name: str
    service_port: int = 9091


class SecretKey(_Written, frozen=True, kw_only=True):
    """A key of a Secret in the tenant's namespace."""

    name: str
    key: str


class BasicAuth(_Written, frozen=True, kw_only=True):
    """HTTP basic authentication."""

    username: str
    password_secret: SecretKey


class Authorization(_Written, frozen=True, kw_only=True):
    """Header `Authorization`, as in the Prometheus operator's `authorization`."""

    credentials: SecretKey
    type: str = "Bearer"


class OAuth2(_Written, frozen=True, kw_only=True):
    """OAuth 2.0 client credentials, as in the Prometheus operator's `oauth2`."""

    client_id: str
    client_secret: SecretKey
    token_url: str
    scopes: tuple[str, ...] = ()
    endpoint_params: dict[str, str] = msgspec.field(default_factory=dict)


class TlsConfig(_Written, frozen=True, kw_only=True):
    """Certificates, PEM, from Secrets. That verification cannot be switched off is on purpose."""

    ca: SecretKey | None = None
    cert: SecretKey | None = None
    key_secret: SecretKey | None = None
    server_name: str = ""


class ClusterAuthorization(_Written, frozen=True, kw_only=True):
    """Bearer tokens for one cluster, of a receiver or a telemeter server that authorises it."""

    cluster_id: str
    credentials: SecretKey
    """The long-lived credential."""
    url: str | None = None
    """Where it is exchanged for a token. None: credential and id go together with each request, as
    telemeter takes them for remote writes."""


class RemoteWriteTarget(_Written, frozen=True, kw_only=True):
    """Any endpoint that takes remote write, by its URL."""

    url: str
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    basic_auth: BasicAuth | None = None
    authorization: Authorization | None = None
    """Ours, like all below. At most one of `basicAuth`, `authorization`, `oauth2`, `authorize`."""
    oauth2: OAuth2 | None = None
    authorize: ClusterAuthorization | None = None
    tls_config: TlsConfig | None = None
    secret_headers: dict[str, SecretKey] = msgspec.field(default_factory=dict)
    """Headers whose values stand in Secrets."""


class TelemeterTarget(_Written, frozen=True, kw_only=True):
    """A telemeter server, or a receiver that takes uploads as one does. Ours."""

    url: str
    """Below it are `/authorize` and `/upload`."""
    cluster_id: str
    credentials: SecretKey
    tls_config: TlsConfig | None = None
    upload_interval: str = DEFAULT_UPLOAD_INTERVAL
    upload_bytes: int = DEFAULT_UPLOAD_BYTES


class Target(_Written, frozen=True, kw_only=True):
    """The kind of target; its block stands here or beside `target`."""

    type: Literal["prometheus", "pushgateway", "remote_write", "telemeter"]
    prometheus: PrometheusTarget | None = None
    pushgateway: PushgatewayTarget | None = None
    remote_write: RemoteWriteTarget | None = None
    telemeter: TelemeterTarget | None = None


class Transform(_Written, frozen=True, kw_only=True):
    """What becomes of the labels of permitted series, in the order of the fields. Ours."""

    elide: tuple[str, ...] = ()
    rename: dict[str, str] = msgspec.field(default_factory=dict)
    anonymise: tuple[str, ...] = ()
    salt: SecretKey | None = None


class Relabeling(_Written, frozen=True, kw_only=True, rename=None):
    """One `metric_relabel_configs` step, in Prometheus' spelling or in that of its operator."""

    source_labels: tuple[str, ...] | None = None
    sourceLabels: tuple[str, ...] | None = None
    separator: str | None = None
    regex: str | None = None
    modulus: int | None = None
    target_label: str | None = None
    targetLabel: str | None = None
    replacement: str | None = None
    action: str | None = None


class RemoteWrite(_Written, frozen=True, kw_only=True):
    """Delivery of what this object grants."""

    enabled: bool
    target: Target
    interval: str = DEFAULT_INTERVAL
    prometheus: PrometheusTarget | None = None
    pushgateway: PushgatewayTarget | None = None
    remote_write: RemoteWriteTarget | None = None
    extra_labels: dict[str, str] = msgspec.field(default_factory=dict)
    honor_labels: bool = False
    metric_relabelings: tuple[Relabeling, ...] = ()
    """Ours, like all below."""
    collection: Literal["raw", "latest"] = "raw"
    lookback: str = DEFAULT_LOOKBACK
    protocol: Literal["1.0", "2.0", "auto"] = "1.0"
    telemeter: TelemeterTarget | None = None


class Push(_Written, frozen=True, kw_only=True):
    """Samples that clusters push to the receivers, instead of being collected. Ours."""

    sources: tuple[str, ...]
    """Ids of the clusters; `*`: every one that holds a credential for this object."""
    id_label: str = DEFAULT_ID_LABEL
    labels: dict[str, str] = msgspec.field(default_factory=dict)
    required: tuple[str, ...] = ()
    timestamps: Literal["keep", "clamp-future", "overwrite"] = "keep"
    max_age: str = DEFAULT_MAX_AGE
    interval: str = DEFAULT_UPLOAD_INTERVAL
    strict: bool = False
    federate: bool = True


class Spec(_Written, frozen=True, kw_only=True):
    """What is granted, and where it is delivered."""

    source: str
    metrics: tuple[str, ...]
    label_selectors: dict[str, str] = msgspec.field(default_factory=dict)
    metric_isolation: bool = False
    allow_all: bool = False
    """Ours. Whether a rule may match everything."""
    clusters: tuple[str, ...] | None = None
    """Ours. Clusters whose backends it may be queried in; None: all."""
    remote_write: RemoteWrite | None = None
    push: Push | None = None
    """Ours. Set: clusters push the samples, and no source is asked for them."""
    transform: Transform | None = None
    """Ours. Of what is delivered, after relabelling; what tenants query is left as it is."""


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    """What is needed of Kubernetes' object metadata; the rest is its own business."""

    name: str
    namespace: str


class MetricAccess(_Written, frozen=True, kw_only=True):
    """One object."""

    api_version: str
    kind: str
    metadata: Metadata
    spec: Spec
    status: Any = None
    """Written by the tenant-controller, read by nobody here."""
