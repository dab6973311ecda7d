"""A Prometheus object tells its servers, and what their probes could not find out."""

from typing import Any

import pytest
from tests.unit.discovery.kubernetes import manifests
from tests.unit.discovery.kubernetes.manifests import Manifest

from discovery.kubernetes import objects, operator
from discovery.kubernetes.describe import Note
from discovery.kubernetes.objects import Pod, Prometheus
from discovery.kubernetes.settings import Rule
from discovery.target import Target


def find(prometheus: Manifest, *pods: Manifest, rule: Rule = Rule()) -> list[Target | Note]:  # noqa: B008  # frozen
    read = [objects.read(Pod, one) for one in pods]
    return list(operator.find(rule, objects.read(Prometheus, prometheus), read))


def one(prometheus: Manifest, pod: Manifest | None = None) -> Target:
    (found,) = find(prometheus, pod or manifests.operated("prometheus-k8s-0"))
    assert isinstance(found, Target)
    return found


def test_a_server_is_described_by_its_object() -> None:
    described = manifests.prometheus(
        externalLabels={"cluster": "eu1"},
        replicas=1,
        routePrefix="/prom/",
        web={"tlsConfig": {"cert": {}}},
        annotations={"tenantry.io/shard": "east"},
    )

    assert one(described) == Target(
        id="monitoring/prometheus-k8s-0:9090/prom",
        url="https://10.0.0.1:9090/prom",
        labels={
            "namespace": "monitoring",
            "pod": "prometheus-k8s-0",
            "prometheus": "k8s",
            "tenantry_ha_set": "east",
        },
        ha_set="east",
        source="Prometheus monitoring/k8s",
        external_labels={
            "cluster": "eu1",
            "prometheus": "monitoring/k8s",
            "prometheus_replica": "prometheus-k8s-0",
        },
        replica_labels=frozenset({"prometheus_replica"}),
    )


def test_shards_are_parts_and_replicas_are_not() -> None:
    pods = [
        manifests.operated(f"p{shard}-{replica}", shard=shard)
        for shard in (0, 1)
        for replica in (0, 1)
    ]

    found = find(manifests.prometheus(shards=2, replicas=2), *pods)

    assert [(t.labels["pod"], t.part) for t in found if isinstance(t, Target)] == [
        ("p0-0", ""),
        ("p0-1", ""),
        ("p1-0", "1"),
        ("p1-1", "1"),
    ]
    assert len(found) == 4


@pytest.mark.parametrize(
    ("spec", "external", "replica"),
    [
        pytest.param(
            {"replicaExternalLabelName": "rep", "prometheusExternalLabelName": "prom"},
            {"prom": "monitoring/k8s", "rep": "prometheus-k8s-0"},
            frozenset({"rep"}),
            id="other names",
        ),
        pytest.param(
            {"replicaExternalLabelName": "", "prometheusExternalLabelName": ""},
            {},
            frozenset(),
            id="no such labels",
        ),
        pytest.param(
            {"externalLabels": {"zone": "${ZONE}"}},
            None,
            frozenset({"prometheus_replica"}),
            id="Prometheus may replace variables",
        ),
    ],
)
def test_external_labels_are_those_that_the_operator_writes(
    spec: dict[str, Any], external: dict[str, str] | None, replica: frozenset[str]
) -> None:
    found = one(manifests.prometheus(**spec))

    assert (found.external_labels, found.replica_labels) == (external, replica)


@pytest.mark.parametrize(
    "pod",
    [
        pytest.param(manifests.pod("a"), id="not the operator's"),
        pytest.param(manifests.operated("a", of="other"), id="another object's"),
        pytest.param(
            manifests.operated("a", labels={"operator.prometheus.io/mode": "agent"}), id="an agent"
        ),
    ],
)
def test_other_pods_are_not_its_servers(pod: Manifest) -> None:
    assert find(manifests.prometheus(), pod) == [
        Note("Prometheus monitoring/k8s", "shard 0 has 0 of 1 pods")
    ]


def test_missing_replicas_are_named_and_a_starting_one_is_not_ready() -> None:
    starting = manifests.operated("p-0", ready=False)

    found = find(manifests.prometheus(replicas=2, shards=2), starting)

    assert [x.unready if isinstance(x, Target) else str(x) for x in found] == [
        "the pod is not ready",
        "Prometheus monitoring/k8s: shard 0 has 1 of 2 pods",
        "Prometheus monitoring/k8s: shard 1 has 0 of 2 pods",
    ]


def test_a_port_that_is_not_there_is_named() -> None:
    pod = manifests.operated("p-0", ports={"http": 9090})

    assert find(manifests.prometheus(portName="metrics"), pod) == [
        Note("Prometheus monitoring/k8s", "pod p-0 has no port named 'metrics'")
    ]


def test_a_server_that_listens_inside_its_pod_cannot_be_asked() -> None:
    (note,) = find(manifests.prometheus(listenLocal=True), manifests.operated("p-0"))

    assert isinstance(note, Note)
    assert "listenLocal" in note.message


def test_the_pods_annotations_win_over_those_of_the_object() -> None:
    pod = manifests.operated("p-0", annotations={"tenantry.io/shard": "west"})

    assert one(manifests.prometheus(annotations={"tenantry.io/shard": "e"}), pod).ha_set == "west"


def test_the_rules_credentials_are_kept() -> None:
    rule = Rule(namespaces=("monitoring",), access="infra")
    (found,) = find(manifests.prometheus(), manifests.operated("p-0"), rule=rule)

    assert isinstance(found, Target)
    assert found.access == "infra"
