"""A certificate identifies by the names that grants apply to."""

import pytest

from query_gateway.identity.mtls import Mtls
from query_gateway.identity.presented import Presented
from query_gateway.identity.principal import Held, Principal
from query_gateway.identity.settings import Grant
from tenantry_common.peer_certificate import Certificate

MODE = Mtls(
    [
        Grant(pattern="uri:spiffe://example.com/ns/([a-z-]+)/sa/[a-z-]+", tenants=("$1",)),
        Grant(name="cn:grafana", tenants=("shop",)),
    ],
    now=lambda: 50.0,
)


def presented(*names: str, not_after: float = 100.0) -> Presented:
    return Presented(peer=None, certificate=Certificate(names=names, not_after=not_after))


async def test_the_names_of_a_certificate_grant_tenants() -> None:
    names = ("dns:x", "uri:spiffe://example.com/ns/bank/sa/grafana", "cn:grafana")

    assert await MODE.identify(presented(*names)) == Principal(
        mode="mtls", name="dns:x", tenants=Held(frozenset({"bank", "shop"}))
    )


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param(Presented(peer=None), id="no certificate"),
        pytest.param(presented(), id="no names"),
        pytest.param(presented("dns:grafana"), id="a name of another kind"),
        pytest.param(presented("uri:spiffe://evil.com/ns/bank/sa/x"), id="another trust domain"),
        pytest.param(presented("uri:spiffe://example.com/ns/bank/sa/x/y"), id="a longer path"),
        pytest.param(presented("cn:grafana", not_after=50.0), id="over since it connected"),
    ],
)
async def test_otherwise_the_mode_does_not_apply(shown: Presented) -> None:
    assert await MODE.identify(shown) is None
