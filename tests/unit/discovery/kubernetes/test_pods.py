"""A pod that serves is one server; what keeps it from serving is said."""

import pytest
from tests.unit.discovery.kubernetes import manifests
from tests.unit.discovery.kubernetes.manifests import Manifest

from discovery.kubernetes import objects, pods
from discovery.kubernetes.describe import Note
from discovery.kubernetes.objects import Pod
from discovery.kubernetes.settings import Rule
from discovery.target import Target


def find(rule: Rule, manifest: Manifest) -> Target | Note | None:
    return pods.find(rule, objects.read(Pod, manifest))


def test_a_ready_pod_is_a_target() -> None:
    assert find(Rule(), manifests.pod("prom-0")) == Target(
        id="monitoring/prom-0:9090",
        url="http://10.0.0.1:9090",
        labels={"namespace": "monitoring", "pod": "prom-0"},
        source="Pod monitoring/prom-0",
    )


@pytest.mark.parametrize(
    ("port", "url"),
    [
        pytest.param("web", "http://10.0.0.1:9091", id="by name"),
        pytest.param("side", "http://10.0.0.1:9094", id="of a native sidecar"),
        pytest.param("8080", "http://10.0.0.1:8080", id="by number, also undeclared"),
        pytest.param(9091, "http://10.0.0.1:9091", id="by number without quotes"),
    ],
)
def test_the_port_is_named_or_numbered(port: str | int, url: str) -> None:
    manifest = manifests.pod("a", ports={"reloader": 8081, "web": 9091})
    manifest["spec"]["initContainers"] = [{"ports": [{"name": "side", "containerPort": 9094}]}]
    made = find(Rule(port=port), manifest)

    assert isinstance(made, Target)
    assert made.url == url


def test_a_pod_without_such_a_port_is_named() -> None:
    assert find(Rule(port="http"), manifests.pod("a")) == Note(
        "Pod monitoring/a", "no container has a port named 'http'"
    )


@pytest.mark.parametrize(
    ("manifest", "unready"),
    [
        pytest.param(manifests.pod("a"), "", id="ready"),
        pytest.param(manifests.pod("a", ready=False), "the pod is not ready", id="not ready"),
        pytest.param(
            manifests.pod("a", deleted=True), "the pod is being deleted", id="being deleted"
        ),
    ],
)
def test_readiness_is_that_of_the_pod(manifest: Manifest, unready: str) -> None:
    made = find(Rule(), manifest)

    assert isinstance(made, Target)
    assert made.unready == unready


@pytest.mark.parametrize(
    "manifest",
    [
        pytest.param(manifests.pod("a", ip=None, phase="Pending"), id="no address yet"),
        pytest.param(manifests.pod("a", phase="Succeeded"), id="done"),
        pytest.param(manifests.pod("a", phase="Failed"), id="failed"),
    ],
)
def test_a_pod_that_cannot_serve_is_no_target(manifest: Manifest) -> None:
    assert find(Rule(), manifest) is None


@pytest.mark.parametrize(
    ("shard", "part"),
    [pytest.param(0, "", id="first shard"), pytest.param(2, "2", id="other shard")],
)
def test_the_operators_label_tells_the_shard(shard: int, part: str) -> None:
    made = find(Rule(), manifests.operated("a", shard=shard))

    assert isinstance(made, Target)
    assert made.part == part
