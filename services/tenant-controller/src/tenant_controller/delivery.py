"""Whether `spec.remoteWrite` makes sense; pure."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import msgspec

from tenant_controller import names
from tenant_controller.metric_access import (
    PrometheusTarget,
    PushgatewayTarget,
    Relabeling,
    RemoteWrite,
    RemoteWriteTarget,
    TelemeterTarget,
    TlsConfig,
)
from tenantry_common import duration, relabel
from tenantry_common.contracts import Problem, RelabelRule

PATH = "$.spec.remoteWrite"

type Block = PrometheusTarget | PushgatewayTarget | RemoteWriteTarget | TelemeterTarget

_INTERVAL_MS = range(5_000, 24 * 3_600_000 + 1)
_LOOKBACK_MS = range(0, 7 * 24 * 3_600_000 + 1)
_MOST_REPLICAS = 32
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*")
# Set by the writer itself, or a secret that must not stand in an object that many can read.
_OUR_HEADERS = frozenset(
    {
        "content-encoding",
        "content-length",
        "content-type",
        "host",
        "transfer-encoding",
        "connection",
    }
    | {"user-agent", "x-prometheus-remote-write-version"}
)
_SECRET_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie"})
_BLOCKS = {
    "prometheus": "prometheus",
    "pushgateway": "pushgateway",
    "remote_write": "remoteWrite",
    "telemeter": "telemeter",
}
_UPLOAD_INTERVAL_MS = range(1_000, 24 * 3_600_000 + 1)
_UPLOAD_BYTES = range(1_000, (32 << 20) + 1)
_LONGEST_ID = 255


def problems(remote_write: RemoteWrite) -> Iterator[Problem]:
    """Yield everything that is wrong with the delivery of an object."""
    yield from within(f"{PATH}.interval", remote_write.interval, _INTERVAL_MS, "5s to 24h")
    yield from within(f"{PATH}.lookback", remote_write.lookback, _LOOKBACK_MS, "0s to 168h")
    yield from _extra_labels(remote_write)
    yield from _relabelings(remote_write)
    yield from _target(remote_write)


def block(remote_write: RemoteWrite) -> tuple[str, Block] | None:
    """Return the target block that counts and its path: inside `target`, else beside it."""
    field = remote_write.target.type
    inside: Block | None = getattr(remote_write.target, field)
    beside: Block | None = getattr(remote_write, field)
    if inside is not None:
        return f"{PATH}.target.{_BLOCKS[field]}", inside
    return (f"{PATH}.{_BLOCKS[field]}", beside) if beside is not None else None


def relabel_rules(remote_write: RemoteWrite) -> tuple[RelabelRule, ...]:
    """Return `metricRelabelings` in the form that the collector applies."""
    return tuple(map(_relabel_rule, remote_write.metric_relabelings))


def within(path: str, text: str, allowed: range, said: str) -> Iterator[Problem]:
    """Yield that `text` is no duration, or none of the `allowed` milliseconds, which `said` names."""
    length = duration.milliseconds(text)
    if length is None:
        yield Problem(path=path, message=f'{text!r} is not a duration such as "30s" or "1h30m"')
    elif length not in allowed:
        yield Problem(path=path, message=f"{text} is outside of {said}")


def _extra_labels(remote_write: RemoteWrite) -> Iterator[Problem]:
    for label, value in remote_write.extra_labels.items():
        path = f"{PATH}.extraLabels.{label}"
        if not names.is_label_name(label):
            yield Problem(path=path, message=f"{label!r} is not a label name")
        elif label.startswith("__"):
            yield Problem(path=path, message="labels that begin with __ are Prometheus' own")
        elif not value:
            message = "is empty, which removes the label"
            yield Problem(path=path, message=message, severity="warning")


def _relabelings(remote_write: RemoteWrite) -> Iterator[Problem]:
    path = f"{PATH}.metricRelabelings"
    for number, written in enumerate(remote_write.metric_relabelings):
        for ours, theirs in (("source_labels", "sourceLabels"), ("target_label", "targetLabel")):
            if getattr(written, ours) is not None and getattr(written, theirs) is not None:
                where = f"{path}[{number}].{theirs}"
                yield Problem(path=where, message=f"is the same as {ours}, which is set too")
    yield from relabel.validate(relabel_rules(remote_write), path)


def _relabel_rule(written: Relabeling) -> RelabelRule:
    values = {
        "source_labels": written.source_labels or written.sourceLabels,
        "separator": written.separator,
        "regex": written.regex,
        "modulus": written.modulus,
        "target_label": written.target_label or written.targetLabel,
        "replacement": written.replacement,
        "action": written.action,
    }
    given = {name: value for name, value in values.items() if value is not None}
    return msgspec.convert(given, RelabelRule)


def _target(remote_write: RemoteWrite) -> Iterator[Problem]:
    kind = remote_write.target.type
    found = block(remote_write)
    if found is None:
        message = f"type {kind} needs the block `{_BLOCKS[kind]}`, inside `target` or beside it"
        yield Problem(path=f"{PATH}.target", message=message)
        return
    yield from _needless_blocks(remote_write)
    path, chosen = found
    match chosen:
        case PrometheusTarget():
            yield from _service(path, chosen.service_name, chosen.service_port)
            yield from _prometheus(path, chosen)
        case PushgatewayTarget():
            yield from _service(path, chosen.service_name, chosen.service_port)
            if not chosen.job_name:
                yield Problem(path=f"{path}.jobName", message="must not be empty")
        case RemoteWriteTarget():
            yield from _url(f"{path}.url", chosen.url)
            yield from _headers(path, chosen)
            yield from _credentials(path, chosen)
        case TelemeterTarget():
            yield from _telemeter(path, chosen)


def _telemeter(path: str, target: TelemeterTarget) -> Iterator[Problem]:
    yield from _url(f"{path}.url", target.url)
    if "?" in target.url:
        yield Problem(path=f"{path}.url", message="must not have a query")
    yield from _cluster_id(path, target.cluster_id)
    yield from _client_certificate(path, target.tls_config)
    yield from within(
        f"{path}.uploadInterval", target.upload_interval, _UPLOAD_INTERVAL_MS, "1s to 24h"
    )
    if target.upload_bytes not in _UPLOAD_BYTES:
        message = f"{target.upload_bytes} is outside of 1000 to {_UPLOAD_BYTES[-1]}"
        yield Problem(path=f"{path}.uploadBytes", message=message)


def _cluster_id(path: str, text: str) -> Iterator[Problem]:
    if not text or len(text.encode()) > _LONGEST_ID or not text.isprintable():
        message = f"must be 1 to {_LONGEST_ID} printable bytes"
        yield Problem(path=f"{path}.clusterId", message=message)


def _needless_blocks(remote_write: RemoteWrite) -> Iterator[Problem]:
    for field, name in _BLOCKS.items():
        inside = getattr(remote_write.target, field)
        beside = getattr(remote_write, field)
        if field != remote_write.target.type:
            for path, other in ((f"{PATH}.target.{name}", inside), (f"{PATH}.{name}", beside)):
                if other is not None:
                    message = f"is not used, because target.type is {remote_write.target.type}"
                    yield Problem(path=path, message=message, severity="warning")
        elif inside is not None and beside is not None and inside != beside:
            message = f"differs from {PATH}.target.{name}; keep one of them"
            yield Problem(path=f"{PATH}.{name}", message=message)


def _service(path: str, name: str, port: int) -> Iterator[Problem]:
    if not names.is_dns_label(name):
        yield Problem(path=f"{path}.serviceName", message=f"{name!r} is not the name of a service")
    if not 0 < port < 65_536:
        yield Problem(path=f"{path}.servicePort", message=f"{port} is not a port")


def _prometheus(path: str, target: PrometheusTarget) -> Iterator[Problem]:
    if target.replicas is not None and not 0 < target.replicas <= _MOST_REPLICAS:
        message = f"{target.replicas} is outside of 1 to {_MOST_REPLICAS}"
        yield Problem(path=f"{path}.replicas", message=message)
    if target.stateful_set and not names.is_dns_label(target.stateful_set):
        message = f"{target.stateful_set!r} is not the name of a StatefulSet"
        yield Problem(path=f"{path}.statefulSet", message=message)
    if target.stateful_set and target.replicas is None:
        message = "has no effect without replicas"
        yield Problem(path=f"{path}.statefulSet", message=message, severity="warning")
    if target.target_namespace and not names.is_dns_label(target.target_namespace):
        message = f"{target.target_namespace!r} is not the name of a namespace"
        yield Problem(path=f"{path}.targetNamespace", message=message)


def _url(path: str, text: str) -> Iterator[Problem]:
    try:
        url = urlsplit(text)
        host, _ = url.hostname, url.port
    except ValueError as error:
        yield Problem(path=path, message=f"is not a URL: {error}")
        return
    if url.scheme not in ("http", "https") or not host or not text.isascii() or " " in text:
        yield Problem(path=path, message="is not an http:// or https:// URL")
    elif "@" in url.netloc:
        yield Problem(path=path, message="must not hold credentials; use basicAuth")
    elif "#" in text:
        yield Problem(path=path, message="must not have a fragment")


def _headers(path: str, target: RemoteWriteTarget) -> Iterator[Problem]:
    for name, value in target.headers.items():
        where = f"{path}.headers.{name}"
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            yield Problem(path=where, message="is not an HTTP header")
        elif name.lower() in _OUR_HEADERS:
            yield Problem(path=where, message="is set by Tenantry itself")
        elif name.lower() in _SECRET_HEADERS:
            message = "is a secret, which must not stand in an object; use basicAuth"
            yield Problem(path=where, message=message)
    for name in target.secret_headers:
        where = f"{path}.secretHeaders.{name}"
        if not _HEADER_NAME.fullmatch(name):
            yield Problem(path=where, message="is not the name of an HTTP header")
        elif name.lower() in _OUR_HEADERS:
            yield Problem(path=where, message="is set by Tenantry itself")


def _credentials(path: str, target: RemoteWriteTarget) -> Iterator[Problem]:
    fields = {
        "basicAuth": target.basic_auth,
        "authorization": target.authorization,
        "oauth2": target.oauth2,
        "authorize": target.authorize,
    }
    given = [name for name, value in fields.items() if value is not None]
    for name in given[1:]:
        yield Problem(path=f"{path}.{name}", message=f"cannot be used beside {given[0]}")
    if target.authorization is not None:
        where = f"{path}.authorization.type"
        if not _HEADER_NAME.fullmatch(target.authorization.type):
            yield Problem(path=where, message="is not an authentication scheme")
        elif target.authorization.type.lower() == "basic":
            yield Problem(path=where, message="use basicAuth")
    if target.oauth2 is not None:
        yield from _url(f"{path}.oauth2.tokenUrl", target.oauth2.token_url)
        if not target.oauth2.client_id:
            yield Problem(path=f"{path}.oauth2.clientId", message="must not be empty")
    if target.authorize is not None:
        yield from _cluster_id(f"{path}.authorize", target.authorize.cluster_id)
        if target.authorize.url is not None:
            yield from _url(f"{path}.authorize.url", target.authorize.url)
    yield from _client_certificate(path, target.tls_config)


def _client_certificate(path: str, tls: TlsConfig | None) -> Iterator[Problem]:
    if tls is not None and (tls.cert is None) != (tls.key_secret is None):
        missing = "keySecret" if tls.key_secret is None else "cert"
        message = "a client certificate needs cert and keySecret"
        yield Problem(path=f"{path}.tlsConfig.{missing}", message=message)
