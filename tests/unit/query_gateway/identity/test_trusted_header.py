"""Only configured peers are believed about whom they speak for."""

import ipaddress

import pytest

from query_gateway.identity.presented import Presented
from query_gateway.identity.principal import Every, Principal
from query_gateway.identity.trusted_header import TrustedHeader
from tenantry_common.peer_certificate import Certificate

NETWORKS = (ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8"))
PROXY = Certificate(names=("dns:proxy.infra", "cn:proxy"), not_after=100.0)


@pytest.mark.parametrize(
    ("peer", "name"),
    [
        pytest.param("10.1.2.3", "10.1.2.3", id="inside"),
        pytest.param("::ffff:10.1.2.3", "10.1.2.3", id="the same, on a dual-stack socket"),
        pytest.param("fd00::1", "fd00::1", id="inside the second"),
    ],
)
async def test_a_peer_inside_a_configured_network_is_believed(peer: str, name: str) -> None:
    found = await TrustedHeader(NETWORKS).identify(Presented(peer=peer))

    assert found == Principal(mode="trusted-header", name=f"proxy {name}", tenants=Every())


@pytest.mark.parametrize(
    "peer",
    [
        pytest.param("11.0.0.1", id="outside"),
        pytest.param("::a01:203", id="an address that only looks alike"),
        pytest.param(None, id="a Unix socket"),
        pytest.param("", id="none"),
        pytest.param("localhost", id="not an address"),
        pytest.param("fe80::1%eth0", id="link-local with a zone"),
    ],
)
async def test_any_other_peer_is_not(peer: str | None) -> None:
    assert await TrustedHeader(NETWORKS).identify(Presented(peer=peer)) is None


@pytest.mark.parametrize(
    ("certificate", "believed"),
    [
        pytest.param(PROXY, True, id="a configured name"),
        pytest.param(None, False, id="no certificate"),
        pytest.param(
            Certificate(names=("cn:proxy.infra",), not_after=100.0), False, id="of another kind"
        ),
        pytest.param(
            Certificate(names=("dns:evil.infra",), not_after=100.0), False, id="another name"
        ),
        pytest.param(
            Certificate(names=PROXY.names, not_after=50.0), False, id="over since it connected"
        ),
    ],
)
async def test_a_verified_certificate_is_believed_by_its_name(
    certificate: Certificate | None, believed: bool
) -> None:
    mode = TrustedHeader((), ["dns:proxy.infra"], now=lambda: 50.0)

    found = await mode.identify(Presented(peer="192.0.2.1", certificate=certificate))

    assert (found is not None) == believed
