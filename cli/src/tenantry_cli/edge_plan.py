"""What `tenantry edge` runs, made of its configuration: a MetricAccess and four services; pure.

Nothing of an edge is special to the services: the configuration becomes a manifest and settings
that a person could have written, and their own checks find what is wrong with it.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from collector.config import Config as CollectorConfig
from discovery.config import Config as DiscoveryConfig
from tenant_controller.config import Config as ControllerConfig
from tenant_controller.metric_access import API_VERSION, KIND
from tenant_controller.validate import validate
from tenantry_cli.edge_config import SERVICES, Edge
from tenantry_common import config, duration, errors
from tenantry_common.contracts import Problem
from writer.config import Config as WriterConfig

NAMESPACE = "edge"
NAME = "push"

_UPSTREAM, _ANONYMISE = "upstream", "anonymise"
_PROFILE = "sources"
_TELEMETER_INTERVAL, _INTERVAL = "4m30s", "30s"
_CONFIGS: Mapping[str, type[config.Service]] = {
    "discovery": DiscoveryConfig,
    "tenant_controller": ControllerConfig,
    "collector": CollectorConfig,
    "writer": WriterConfig,
}
# What a path in the manifest is in the file that it was made of; the first that fits counts.
_FIELDS = (
    ("$.spec.metrics", "$.match"),
    ("$.spec.transform.anonymise", "$.anonymise.labels"),
    ("$.spec.transform.salt", "$.anonymise.salt_file"),
    ("$.spec.transform", "$"),
    ("$.spec.remoteWrite.extraLabels", "$.labels"),
    ("$.spec.remoteWrite.target.telemeter.clusterId", "$.upstream.id"),
    ("$.spec.remoteWrite.target.telemeter.uploadInterval", "$.upstream.upload_interval"),
    ("$.spec.remoteWrite.target.telemeter.uploadBytes", "$.upstream.upload_bytes"),
    ("$.spec.remoteWrite.target.telemeter", "$.upstream"),
    ("$.spec.remoteWrite.target.remoteWrite.authorize.clusterId", "$.upstream.id"),
    ("$.spec.remoteWrite.target.remoteWrite.authorize.url", "$.upstream.authorize_url"),
    ("$.spec.remoteWrite.target.remoteWrite", "$.upstream"),
    ("$.spec.remoteWrite", "$"),
)


def secrets(edge: Edge) -> dict[tuple[str, str], str]:
    """Return the files that services read as secrets, by name and key."""
    upstream = edge.upstream
    named = {
        (_UPSTREAM, "token"): upstream.credential_file,
        (_UPSTREAM, "ca"): upstream.ca_file,
        (_UPSTREAM, "cert"): upstream.cert_file,
        (_UPSTREAM, "key"): upstream.key_file,
        (_ANONYMISE, "salt"): edge.anonymise.salt_file if edge.anonymise else "",
    }
    return {key: path for key, path in named.items() if path}


def manifest(edge: Edge) -> dict[str, Any]:
    """Return the MetricAccess that says what is pushed, and where to."""
    raw, latest = ("raw", _INTERVAL), ("latest", _TELEMETER_INTERVAL)
    collection, interval = latest if edge.to_telemeter else raw
    transform: dict[str, Any] = {"elide": list(edge.elide), "rename": edge.rename}
    if edge.anonymise is not None:
        transform["anonymise"] = list(edge.anonymise.labels)
        transform["salt"] = {"name": _ANONYMISE, "key": "salt"}
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "spec": {
            "source": NAME,
            "metrics": list(edge.match),
            "allowAll": True,  # whoever wrote the file owns the data
            "transform": transform,
            "remoteWrite": {
                "enabled": True,
                "interval": edge.interval or interval,
                "collection": edge.collection or collection,
                "lookback": edge.lookback,
                "extraLabels": edge.labels,
                "target": _telemeter(edge) if edge.to_telemeter else _remote_write(edge),
            },
        },
    }


def _telemeter(edge: Edge) -> dict[str, Any]:
    upstream = edge.upstream
    block = {
        "url": upstream.url,
        "clusterId": upstream.id,
        "credentials": _secret("token"),
        "uploadInterval": upstream.upload_interval,
        "uploadBytes": upstream.upload_bytes,
        **_tls(edge),
    }
    return {"type": "telemeter", "telemeter": block}


def _remote_write(edge: Edge) -> dict[str, Any]:
    upstream = edge.upstream
    block: dict[str, Any] = {"url": upstream.url, **_tls(edge)}
    if upstream.id:
        block["authorize"] = {"clusterId": upstream.id, "credentials": _secret("token")}
        if upstream.authorize_url:
            block["authorize"]["url"] = upstream.authorize_url
    elif upstream.credential_file:
        block["authorization"] = {"credentials": _secret("token")}
    return {"type": "remote_write", "remoteWrite": block}


def _tls(edge: Edge) -> dict[str, Any]:
    upstream = edge.upstream
    fields = (("ca", upstream.ca_file), ("cert", upstream.cert_file), ("key", upstream.key_file))
    found: dict[str, Any] = {
        "keySecret" if key == "key" else key: _secret(key) for key, path in fields if path
    }
    if upstream.server_name:
        found["serverName"] = upstream.server_name
    return {"tlsConfig": found} if found else {}


def _secret(key: str) -> dict[str, str]:
    return {"name": _UPSTREAM, "key": key}


def static_targets(edge: Edge) -> list[dict[str, Any]]:
    """Return the file_sd document of the sources that are named by their URLs."""
    return [_static_target(index, url) for index, url in enumerate(edge.sources.static)]


def _static_target(index: int, text: str) -> dict[str, Any]:
    try:
        url = urlsplit(text)
        port = url.port or {"http": 80, "https": 443}[url.scheme]
    except (ValueError, KeyError):
        port = 0
    if not port or not url.hostname or url.query or "@" in url.netloc:
        raise errors.ConfigError(
            f"{text!r} is not the URL of a server - at `$.sources.static[{index}]`"
        )
    host = f"[{url.hostname}]" if ":" in url.hostname else url.hostname
    labels = {"__scheme__": url.scheme, "__path_prefix__": url.path.rstrip("/")}
    return {"targets": [f"{host}:{port}"], "labels": {k: v for k, v in labels.items() if v}}


def settings(edge: Edge, folders: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return the settings of each service but for its NATS and its port.

    `folders` are those of `targets`, `manifests` and `secrets`, and any others by their names.
    Raises `errors.ConfigError` for what a service would not take.
    """
    made = {
        "discovery": _discovery(edge, folders["targets"]),
        "tenant_controller": {"folder": {"path": folders["manifests"]}},
        "collector": {"secrets_dir": folders["secrets"], **_access(edge)},
        "writer": {
            "secrets_dir": folders["secrets"],
            "remote_write_allow": _allowed(edge),
            # Whoever wrote the file chose the upstream, wherever it is.
            "remote_write_allow_networks": ["0.0.0.0/0", "::/0"],
        },
    }
    for name in SERVICES:
        made[name] = {**made[name], **edge.services.get(name, {})}
        try:
            msgspec.convert(made[name], _CONFIGS[name])
        except msgspec.ValidationError as error:
            raise errors.ConfigError(f"{error} - in the settings of {name}") from error
    return made


def validated(edge: Edge) -> None:
    """Raise `errors.ConfigError` for what can be told to be wrong before anything is written."""
    static_targets(edge)
    settings(edge, dict.fromkeys(("targets", "manifests", "secrets"), "/"))


def nats(edge: Edge, url: str) -> dict[str, Any]:
    """Return how services reach NATS, and how long batches are kept there."""
    keep = (duration.milliseconds(edge.keep) or 0) // 1000
    return {
        "servers": [url],
        "samples_max_age_seconds": max(1, keep),
        "samples_max_bytes": edge.keep_bytes,
    }


def _discovery(edge: Edge, targets: str) -> dict[str, Any]:
    sources = edge.sources
    profile = {"access": _PROFILE} if sources.access is not None else {}
    rules = (
        (sources.kubernetes,) if not isinstance(sources.kubernetes, tuple) else sources.kubernetes
    )
    found: dict[str, Any] = {
        "discovery": {
            "file_sd": {"folders": [targets, *sources.file_sd], **profile},
            "kubernetes": [{**msgspec.to_builtins(rule), **profile} for rule in rules],
        },
        "kubernetes": msgspec.to_builtins(sources.kubernetes_api),
        **_access(edge),
    }
    if sources.replica_labels is not None:
        found["replica_labels"] = list(sources.replica_labels)
    return found


def _access(edge: Edge) -> dict[str, Any]:
    if edge.sources.access is None:
        return {}
    return {"backend_access": {_PROFILE: msgspec.to_builtins(edge.sources.access)}}


def _allowed(edge: Edge) -> list[str]:
    """Return the writer's allow-list: the upstream and nothing else."""
    urls = [edge.upstream.url, edge.upstream.authorize_url]
    parts = [urlsplit(url) for url in urls if url]
    return sorted({f"{part.scheme}://{part.netloc}/" for part in parts})


def problems(edge: Edge) -> tuple[Problem, ...]:
    """Return what the tenant-controller says of the manifest, by the fields of the file."""
    found = validate(manifest(edge)).problems
    return tuple(
        msgspec.structs.replace(problem, path=_field(problem.path), object="") for problem in found
    )


def _field(path: str) -> str:
    for made, written in _FIELDS:
        if path == made or path.startswith((f"{made}.", f"{made}[")):
            return written + path.removeprefix(made)
    return path
