"""Pods become targets: each one is a server of its own; pure."""

from collections.abc import Mapping
from dataclasses import replace

from discovery.kubernetes import describe
from discovery.kubernetes.describe import Finding, Note, Server
from discovery.kubernetes.objects import Pod
from discovery.kubernetes.settings import Rule
from discovery.target import Target

_ENDED = ("Succeeded", "Failed")
OPERATOR_NAME = "operator.prometheus.io/name"
OPERATOR_SHARD = "operator.prometheus.io/shard"


def find(rule: Rule, pod: Pod) -> Finding | None:
    """Return the server in `pod`; None when there is none yet, or none any more."""
    source = describe.source_of("Pod", pod)
    port = rule.port_number or port_named(pod, str(rule.port))
    if port is None:
        return Note(source, f"no container has a port named {rule.port!r}")
    return find_at(rule, pod, port, source, pod.metadata.annotations, {})


def find_at(
    rule: Rule,
    pod: Pod,
    port: int,
    source: str,
    annotations: Mapping[str, str],
    labels: Mapping[str, str],
) -> Finding | None:
    """Return the server at `port` of `pod`; None when there is none yet, or none any more."""
    if not pod.status.pod_ip or pod.status.phase in _ENDED:
        return None
    known_as = (pod.metadata.namespace, pod.metadata.name)
    server = Server(address=pod.status.pod_ip, port=port, pod=known_as)
    found = describe.describe(rule, source, server, annotations, labels)
    if isinstance(found, Target):
        return replace(found, unready=_unready(pod), part=part(pod))
    return found


def port_named(pod: Pod, name: str) -> int | None:
    """Return the number of the first container port of that name."""
    containers = (*pod.spec.containers, *pod.spec.init_containers)
    ports = (port for container in containers for port in container.ports)
    return next((port.container_port for port in ports if port.name == name), None)


def part(pod: Pod) -> str:
    """Return the shard of the Prometheus operator that `pod` is a replica of.

    The first one, which is the only one of most, has no name: adding shards does not rename it.
    """
    shard = pod.metadata.labels.get(OPERATOR_SHARD, "0")
    return "" if shard == "0" else shard


def _unready(pod: Pod) -> str:
    if pod.metadata.deletion_timestamp:
        return "the pod is being deleted"
    ready = any(c.type == "Ready" and c.status == "True" for c in pod.status.conditions)
    return "" if ready else "the pod is not ready"
