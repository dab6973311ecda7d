"""Where a delivery goes: the target of a MetricAccess becomes endpoints with URLs; pure."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from tenant_controller import delivery, metric_access
from tenant_controller.metric_access import (
    PrometheusTarget,
    PushgatewayTarget,
    RemoteWrite,
    RemoteWriteTarget,
    TelemeterTarget,
)
from tenantry_common import duration
from tenantry_common.contracts import (
    Authorization,
    Authorize,
    BasicAuth,
    Endpoint,
    OAuth2,
    Problem,
    SecretRef,
    TlsConfig,
)

_WRITE_PATH = "/api/v1/write"
_USUAL_PORT = 9090
_PUSH_PORT = 9091


@dataclass(frozen=True, kw_only=True)
class Network:
    """How services are reached; each field is described in `config`."""

    cluster_domain: str = "cluster.local"
    service_overrides: Mapping[str, Sequence[str]] = field(default_factory=dict)
    target_namespaces: Mapping[str, Sequence[str]] = field(default_factory=dict)


def of(remote_write: RemoteWrite, tenant: str, network: Network) -> tuple[Endpoint, ...] | Problem:
    """Return the endpoints of a valid target, or why the platform does not allow or know them."""
    match delivery.block(remote_write):
        case (path, PrometheusTarget() as target):
            return _prometheus(path, target, tenant, network)
        case (_, RemoteWriteTarget() as target):
            return (_remote_write(target),)
        case (_, TelemeterTarget() as target):
            return (_telemeter(target),)
        case (path, PushgatewayTarget() as target):
            return _pushgateway(path, target, tenant, network)
        case None:
            return ()


def _prometheus(
    path: str, target: PrometheusTarget, tenant: str, network: Network
) -> tuple[Endpoint, ...] | Problem:
    namespace = target.target_namespace or tenant
    if namespace != tenant and not _may_write(tenant, namespace, network):
        message = f"the platform does not let {tenant} deliver into {namespace}"
        return Problem(path=f"{path}.targetNamespace", message=message)
    names = _names(target)
    service = f"{namespace}/{target.service_name}:{target.service_port}"
    urls = network.service_overrides.get(service)
    if urls is None:
        urls = _dns_urls(target, namespace, network.cluster_domain)
    elif len(urls) != len(names):
        message = f"the platform has {len(urls)} URLs for {service}, and {len(names)} endpoints are asked for"
        return Problem(path=f"{path}.replicas", message=message)
    suffix = "" if namespace == tenant else f".{namespace}"
    suffix += "" if target.service_port == _USUAL_PORT else f":{target.service_port}"
    return tuple(
        Endpoint(id=name + suffix, kind="prometheus", url=url.rstrip("/") + _WRITE_PATH)
        for name, url in zip(names, urls, strict=True)
    )


def _pushgateway(
    path: str, target: PushgatewayTarget, tenant: str, network: Network
) -> tuple[Endpoint, ...] | Problem:
    service = f"{tenant}/{target.service_name}:{target.service_port}"
    domain = network.cluster_domain
    default = (f"http://{target.service_name}.{tenant}.svc.{domain}:{target.service_port}",)
    urls = network.service_overrides.get(service, default)
    if len(urls) != 1:
        message = f"the platform has {len(urls)} URLs for {service}, a Pushgateway needs one"
        return Problem(path=f"{path}.serviceName", message=message)
    suffix = "" if target.service_port == _PUSH_PORT else f":{target.service_port}"
    return (
        Endpoint(
            id=f"{target.service_name}{suffix}/{target.job_name}",
            kind="pushgateway",
            url=urls[0].rstrip("/"),
            push_job=target.job_name,
        ),
    )


def _may_write(tenant: str, namespace: str, network: Network) -> bool:
    allowed = network.target_namespaces.get(tenant, ())
    return any(fnmatchcase(namespace, pattern) for pattern in allowed)


def _names(target: PrometheusTarget) -> tuple[str, ...]:
    """Return the name of each endpoint: that of its pod, or of the service when it is one."""
    if target.replicas is None:
        return (target.service_name,)
    base = target.stateful_set or target.service_name
    return tuple(f"{base}-{number}" for number in range(target.replicas))


def _dns_urls(target: PrometheusTarget, namespace: str, domain: str) -> tuple[str, ...]:
    service = f"{target.service_name}.{namespace}.svc.{domain}:{target.service_port}"
    if target.replicas is None:
        return (f"http://{service}",)
    return tuple(f"http://{name}.{service}" for name in _names(target))


def _remote_write(target: RemoteWriteTarget) -> Endpoint:
    host = urlsplit(target.url).hostname or ""
    # The cursor on NATS carries the id: another URL is another endpoint, which has nothing yet.
    digest = hashlib.sha256(target.url.encode()).hexdigest()[:8]
    return Endpoint(
        id=f"{host}-{digest}",
        kind="remote_write",
        url=target.url,
        headers=target.headers,
        secret_headers={name: _secret(key) for name, key in target.secret_headers.items()},
        basic_auth=_basic_auth(target.basic_auth),
        authorization=_authorization(target.authorization),
        oauth2=_oauth2(target.oauth2),
        authorize=_authorize(target.authorize),
        tls=_tls(target.tls_config),
    )


def _telemeter(target: TelemeterTarget) -> Endpoint:
    base = target.url.rstrip("/")
    host = urlsplit(base).hostname or ""
    # To the server another cluster is another sender, which has sent nothing yet.
    digest = hashlib.sha256(f"{base} {target.cluster_id}".encode()).hexdigest()[:8]
    return Endpoint(
        id=f"{host}-{digest}",
        kind="telemeter",
        url=f"{base}/upload",
        authorize=Authorize(
            id=target.cluster_id,
            credentials=_secret(target.credentials),
            url=f"{base}/authorize",
        ),
        tls=_tls(target.tls_config),
        upload_interval_ms=duration.milliseconds(target.upload_interval) or 0,
        upload_bytes=target.upload_bytes,
    )


def _authorize(written: metric_access.ClusterAuthorization | None) -> Authorize | None:
    if written is None:
        return None
    return Authorize(
        id=written.cluster_id, credentials=_secret(written.credentials), url=written.url or ""
    )


def _basic_auth(written: metric_access.BasicAuth | None) -> BasicAuth | None:
    if written is None:
        return None
    return BasicAuth(username=written.username, password=_secret(written.password_secret))


def _authorization(written: metric_access.Authorization | None) -> Authorization | None:
    if written is None:
        return None
    return Authorization(type=written.type, credentials=_secret(written.credentials))


def _oauth2(written: metric_access.OAuth2 | None) -> OAuth2 | None:
    if written is None:
        return None
    return OAuth2(
        client_id=written.client_id,
        client_secret=_secret(written.client_secret),
        token_url=written.token_url,
        scopes=written.scopes,
        endpoint_params=written.endpoint_params,
    )


def _tls(written: metric_access.TlsConfig | None) -> TlsConfig | None:
    if written is None:
        return None
    ca, cert, key = (
        _secret(one) if one is not None else None
        for one in (written.ca, written.cert, written.key_secret)
    )
    return TlsConfig(ca=ca, cert=cert, key=key, server_name=written.server_name)


def _secret(written: metric_access.SecretKey) -> SecretRef:
    return SecretRef(name=written.name, key=written.key)
