"""Each endpoint of a slice is one server."""

import pytest
from tests.unit.discovery.kubernetes import manifests
from tests.unit.discovery.kubernetes.manifests import Manifest, endpoint

from discovery.kubernetes import endpoints, objects
from discovery.kubernetes.describe import Note
from discovery.kubernetes.objects import EndpointSlice
from discovery.kubernetes.settings import Rule
from discovery.target import Target


def find(rule: Rule, manifest: Manifest) -> list[Target | Note]:
    return list(endpoints.find(rule, objects.read(EndpointSlice, manifest)))


def test_endpoints_are_targets_and_pods_are_known_by_their_names() -> None:
    made = find(
        Rule(),
        manifests.slice_(
            "p-x",
            endpoint("10.0.0.1", pod="prom-0"),
            endpoint("10.0.0.2", pod="prom-1", ready=False),
            endpoint("10.0.0.3", ready=None),
            annotations={"tenantry.io/shard": "eu1"},
        ),
    )

    assert [(t.id, t.url, t.unready, t.ha_set) for t in made if isinstance(t, Target)] == [
        ("monitoring/prom-0:9090", "http://10.0.0.1:9090", "", "eu1"),
        ("monitoring/prom-1:9090", "http://10.0.0.2:9090", "the endpoint is not ready", "eu1"),
        ("10.0.0.3:9090", "http://10.0.0.3:9090", "", "eu1"),
    ]
    assert isinstance(made[0], Target)
    assert made[0].labels == {
        "namespace": "monitoring",
        "service": "prometheus",
        "pod": "prom-0",
        "tenantry_ha_set": "eu1",
    }


@pytest.mark.parametrize(
    ("port", "ports", "expected"),
    [
        pytest.param("web", {"grpc": 10901, "web": 9090}, 9090, id="by name"),
        pytest.param("10901", {"grpc": 10901, "web": 9090}, 10901, id="by number"),
        pytest.param(8080, {"": None}, 8080, id="by number where every port is meant"),
        pytest.param(8080, {}, 8080, id="by number where none is listed"),
    ],
)
def test_the_port_is_named_or_numbered(
    port: str | int, ports: dict[str, int | None], expected: int
) -> None:
    (made,) = find(Rule(port=port), manifests.slice_("s", endpoint("10.0.0.1"), ports=ports))

    assert isinstance(made, Target)
    assert made.url == f"http://10.0.0.1:{expected}"


@pytest.mark.parametrize("port", ["http", 8080])
def test_a_slice_without_such_a_port_is_named(port: str | int) -> None:
    found = find(Rule(port=port), manifests.slice_("s", endpoint("10.0.0.1")))

    assert found == [
        Note("EndpointSlice monitoring/s", f"no port {str(port)!r} in EndpointSlice s")
    ]


def test_an_empty_slice_says_nothing() -> None:
    assert find(Rule(port="http"), manifests.slice_("s")) == []


def test_a_pod_of_another_namespace_is_not_believed() -> None:
    reference = {"kind": "Pod", "namespace": "other", "name": "prom-0"}
    (made,) = find(Rule(), manifests.slice_("s", endpoint("10.0.0.1") | {"targetRef": reference}))

    assert isinstance(made, Target)
    assert made.id == "10.0.0.1:9090"


def test_names_and_brackets() -> None:
    six = manifests.slice_("s", endpoint("2001:db8::1"), family="IPv6")
    named = manifests.slice_("s", endpoint("prom.example.com"), family="FQDN")

    assert [t.url for m in (six, named) for t in find(Rule(), m) if isinstance(t, Target)] == [
        "http://[2001:db8::1]:9090",
        "http://prom.example.com:9090",
    ]
