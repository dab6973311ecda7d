"""Prometheus objects of the Prometheus operator become targets, with replicas and shards; pure.

The object says what probes would have to find out: port, scheme and path, the external labels that
the operator writes into the configuration, and which of them tells replicas apart. Its shards have
the same external labels and hold different data; the operator's label on the pod tells them.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import msgspec

from discovery.kubernetes import describe, pods
from discovery.kubernetes.describe import Finding, Note
from discovery.kubernetes.objects import Pod, Prometheus
from discovery.kubernetes.settings import Rule
from discovery.target import Target

_MODE = "operator.prometheus.io/mode"


def find(rule: Rule, found: Prometheus, candidates: Iterable[Pod]) -> Iterator[Finding]:
    """Yield the servers of a Prometheus object; `candidates` are pods of any that the operator made."""
    source = describe.source_of("Prometheus", found)
    spec = found.spec
    if spec.listen_local:
        yield Note(
            source, "listenLocal: it listens inside its pods only, select its Service instead"
        )
        return
    own = [pod for pod in candidates if _is_of(found, pod)]
    adapted = _adapted(rule, found)
    for pod in own:
        port = pods.port_named(pod, spec.port_name)
        if port is None:
            yield Note(source, f"pod {pod.metadata.name} has no port named {spec.port_name!r}")
            continue
        annotations = {**found.metadata.annotations, **pod.metadata.annotations}
        labels = {"prometheus": found.metadata.name}
        server = pods.find_at(adapted, pod, port, source, annotations, labels)
        if isinstance(server, Target):
            server = replace(
                server,
                external_labels=_external_labels(found, pod),
                replica_labels=frozenset({spec.replica_external_label_name} - {""}),
            )
        if server is not None:
            yield server
    yield from _missing(source, found, own)


def _is_of(found: Prometheus, pod: Pod) -> bool:
    labels = pod.metadata.labels
    return (
        pod.metadata.namespace == found.metadata.namespace
        and labels.get(pods.OPERATOR_NAME) == found.metadata.name
        and labels.get(_MODE, "server") == "server"  # agents answer no queries
    )


def _adapted(rule: Rule, found: Prometheus) -> Rule:
    """Return the rule as the object makes it: it knows scheme and path."""
    scheme = "https" if found.spec.web.tls_config else rule.scheme
    prefix = found.spec.route_prefix.rstrip("/")
    return msgspec.structs.replace(rule, scheme=scheme, path_prefix=prefix)


def _external_labels(found: Prometheus, pod: Pod) -> Mapping[str, str] | None:
    """Return the labels that the operator configures, None where Prometheus may change them."""
    spec, metadata = found.spec, found.metadata
    added = {
        spec.prometheus_external_label_name: f"{metadata.namespace}/{metadata.name}",
        spec.replica_external_label_name: pod.metadata.name,
    }
    if any("$" in value for value in spec.external_labels.values()):
        return None  # Prometheus may replace what looks like a variable
    return {name: value for name, value in {**spec.external_labels, **added}.items() if name}


def _missing(source: str, found: Prometheus, own: Iterable[Pod]) -> Iterator[Note]:
    """Yield what tells people that not all servers are there."""
    there = Counter(pod.metadata.labels.get(pods.OPERATOR_SHARD, "0") for pod in own)
    for shard in range(found.spec.shards):
        number = there[str(shard)]
        if number < found.spec.replicas:
            yield Note(source, f"shard {shard} has {number} of {found.spec.replicas} pods")
