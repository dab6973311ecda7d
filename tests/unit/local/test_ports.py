"""Free ports are free, different, and told from taken ones."""

import socket

from tenantry_local import ports


def test_free_ports_are_different_and_can_be_bound() -> None:
    found = ports.free_ports(20)

    assert len(set(found)) == 20
    assert all(ports.is_free(port) for port in found)


def test_a_port_that_is_listened_on_is_not_free() -> None:
    with socket.create_server((ports.LOOPBACK, ports.free_port())) as server:
        assert not ports.is_free(server.getsockname()[1])


def test_a_port_taken_on_all_interfaces_is_not_free() -> None:
    with socket.create_server(("", ports.free_port())) as server:
        assert not ports.is_free(server.getsockname()[1])
