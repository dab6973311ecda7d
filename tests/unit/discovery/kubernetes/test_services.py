"""A Service is the endpoints behind it, each on its own."""

from typing import Any

import pytest
from tests.unit.discovery.kubernetes import manifests
from tests.unit.discovery.kubernetes.manifests import Manifest, endpoint

from discovery.kubernetes import objects, services
from discovery.kubernetes.describe import Note
from discovery.kubernetes.objects import EndpointSlice, Service
from discovery.kubernetes.settings import Rule
from discovery.target import Target


def find(rule: Rule, service: Manifest, *slices: Manifest) -> list[Target | Note]:
    read = [objects.read(EndpointSlice, one) for one in slices]
    return list(services.find(rule, objects.read(Service, service), read))


def urls(found: list[Target | Note]) -> list[str]:
    return [one.url if isinstance(one, Target) else str(one) for one in found]


def test_every_replica_behind_it_is_a_server_of_its_own() -> None:
    found = find(
        Rule(port="web"),
        manifests.service(annotations={"tenantry.io/shard": "eu1"}),
        manifests.slice_("a", endpoint("10.0.0.1", pod="p-0"), endpoint("10.0.0.2", pod="p-1")),
    )

    assert [(t.id, t.ha_set, t.source) for t in found if isinstance(t, Target)] == [
        ("monitoring/p-0:9090", "eu1", "Service monitoring/prometheus"),
        ("monitoring/p-1:9090", "eu1", "Service monitoring/prometheus"),
    ]


@pytest.mark.parametrize(
    ("port", "ports", "behind", "expected"),
    [
        pytest.param("web", {"web": 80}, {"web": 9090}, 9090, id="name"),
        pytest.param(80, {"web": 80, "x": 81}, {"x": 1, "web": 9090}, 9090, id="its number"),
        pytest.param("80", {"": 80}, {"": 9090}, 9090, id="its number, no name"),
        pytest.param(9090, {"web": 80}, {"web": 9090}, 9090, id="the pods' number"),
        pytest.param(9090, {}, {}, 9090, id="headless without ports"),
    ],
)
def test_the_port_is_that_of_the_service_or_of_its_pods(
    port: str | int, ports: dict[str, int], behind: dict[str, int | None], expected: int
) -> None:
    slice_ = manifests.slice_("a", endpoint("10.0.0.1"), ports=behind)

    found = find(Rule(port=port), manifests.service(ports=ports, clusterIP="None"), slice_)

    assert urls(found) == [f"http://10.0.0.1:{expected}"]


def test_a_service_without_such_a_port_is_named() -> None:
    slice_ = manifests.slice_("a", endpoint("10.0.0.1"))

    assert urls(find(Rule(port="http"), manifests.service(), slice_)) == [
        "Service monitoring/prometheus: it has no port named 'http'"
    ]
    assert urls(find(Rule(port=1), manifests.service(), slice_)) == [
        "Service monitoring/prometheus: no port '1' in EndpointSlice a"
    ]


@pytest.mark.parametrize("slices", [(), (manifests.slice_("a"),)])
def test_a_service_with_nothing_behind_it_is_named(slices: tuple[Manifest, ...]) -> None:
    assert urls(find(Rule(), manifests.service(), *slices)) == [
        "Service monitoring/prometheus: there is no endpoint behind it"
    ]


@pytest.mark.parametrize(
    ("families", "first"),
    [
        pytest.param({}, "http://10.0.0.1:9090", id="IPv4 unless said otherwise"),
        pytest.param(
            {"ipFamilies": ["IPv6", "IPv4"]}, "http://[2001:db8::1]:9090", id="its first family"
        ),
    ],
)
def test_the_first_address_family_comes_first(families: dict[str, Any], first: str) -> None:
    found = find(
        Rule(port="web"),
        manifests.service(**families),
        manifests.slice_("b", endpoint("2001:db8::1", pod="p-0"), family="IPv6"),
        manifests.slice_("c", endpoint("10.0.0.1", pod="p-0")),
    )

    assert urls(found)[0] == first


@pytest.mark.parametrize(
    ("port", "ports", "expected"),
    [
        pytest.param(9090, {}, "http://prom.example.com:9090", id="number"),
        pytest.param("web", {"web": 80}, "http://prom.example.com:80", id="name"),
        pytest.param(
            "x", {}, "Service monitoring/prometheus: it has no port named 'x'", id="no such name"
        ),
    ],
)
def test_an_external_name_is_one_server(
    port: str | int, ports: dict[str, int], expected: str
) -> None:
    service = manifests.service(ports=ports, type="ExternalName", externalName="prom.example.com.")

    assert urls(find(Rule(port=port), service)) == [expected]


def test_an_external_name_that_is_no_host_is_no_target() -> None:
    service = manifests.service(type="ExternalName", externalName="a/b")

    assert urls(find(Rule(), service)) == [
        "Service monitoring/prometheus: 'a/b:9090' is not host:port"
    ]
