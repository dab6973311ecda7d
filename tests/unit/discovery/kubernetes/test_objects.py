"""Objects are read as they are sent: more fields than we know, and null where nothing is."""

import pytest

from discovery.kubernetes.objects import (
    Container,
    ContainerPort,
    Endpoint,
    EndpointPort,
    EndpointSlice,
    Metadata,
    Pod,
    Prometheus,
    Service,
    Unreadable,
    read,
)


def test_null_is_nothing_and_unknown_fields_are_ignored() -> None:
    found = read(
        EndpointSlice,
        {
            "metadata": {"name": "a", "annotations": None, "uid": "7"},
            "addressType": "IPv6",
            "endpoints": [{"addresses": ["::1"], "conditions": {"ready": None}, "zone": "z"}],
            "ports": [{"name": None, "port": None, "appProtocol": "http"}],
        },
    )

    assert found == EndpointSlice(
        metadata=Metadata(name="a"),
        address_type="IPv6",
        endpoints=(Endpoint(addresses=("::1",)),),
        ports=(EndpointPort(),),
    )


def test_an_object_that_was_just_created_is_read() -> None:
    assert read(Pod, {"metadata": {"name": "a"}, "spec": {}}).status.pod_ip == ""
    assert read(Service, {"metadata": {"name": "a"}}).spec.type == "ClusterIP"
    assert read(Prometheus, {"metadata": {"name": "a"}, "spec": {}}).spec.port_name == "web"


def test_ports_are_numbers() -> None:
    ports = [{"containerPort": 9090}, {"containerPort": 9091, "name": "x"}]
    found = read(Pod, {"metadata": {"name": "a"}, "spec": {"containers": [{"ports": ports}]}})

    assert found.spec.containers == (
        Container(
            ports=(ContainerPort(container_port=9090), ContainerPort(container_port=9091, name="x"))
        ),
    )


def test_what_is_no_such_object_is_named() -> None:
    with pytest.raises(Unreadable, match=r"\$\.spec\.shards"):
        read(Prometheus, {"metadata": {"name": "a"}, "spec": {"shards": "two"}})
