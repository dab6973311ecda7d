"""A certificate's names keep their kind, and what was not verified has none."""

import pytest

from tenantry_common import peer_certificate
from tenantry_common.peer_certificate import Certificate

PEER = {
    "subject": ((("organizationName", "shop"),), (("commonName", "grafana"),)),
    "subjectAltName": (
        ("DNS", "grafana.shop"),
        ("URI", "spiffe://example.com/ns/shop/sa/grafana"),
        ("email", "shop@example.com"),
        ("IP Address", "10.0.0.1"),
        ("DirName", "whatever"),
    ),
    "notAfter": "Jan  1 00:00:10 1970 GMT",
}


def test_every_name_has_its_kind_in_front() -> None:
    assert peer_certificate.read(PEER) == Certificate(
        names=(
            "dns:grafana.shop",
            "uri:spiffe://example.com/ns/shop/sa/grafana",
            "email:shop@example.com",
            "ip:10.0.0.1",
            "cn:grafana",
        ),
        not_after=10.0,
    )


@pytest.mark.parametrize("peer", [None, {}])
def test_without_a_verified_certificate_there_is_none(peer: dict[str, object] | None) -> None:
    assert peer_certificate.read(peer) is None


def test_a_certificate_without_names_has_something_for_logs() -> None:
    found = peer_certificate.read({"notAfter": PEER["notAfter"]})

    assert found is not None
    assert (found.names, found.name) == ((), "certificate without a name")
