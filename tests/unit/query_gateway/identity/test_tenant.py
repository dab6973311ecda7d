"""One tenant is named, and it is one that the principal holds."""

import pytest

from query_gateway.failures import Failure, Kind
from query_gateway.identity import tenant
from query_gateway.identity.principal import Every, Held, Principal
from query_gateway.identity.tenant import Named

PROXY = Principal(mode="trusted-header", name="proxy", tenants=Every())
ADMIN = Principal(mode="jwt", name="admin", tenants=Every())
ONE = Principal(mode="jwt", name="bob", tenants=Held(frozenset({"a"})))
TWO = Principal(mode="jwt", name="carol", tenants=Held(frozenset({"a", "b"})))
NONE = Principal(mode="jwt", name="eve", tenants=Held(frozenset()))


@pytest.mark.parametrize(
    ("principal", "places", "expected"),
    [
        pytest.param(PROXY, Named(headers=("a",)), "a", id="header"),
        pytest.param(PROXY, Named(parameter="a"), "a", id="parameter as fallback"),
        pytest.param(PROXY, Named(path="a"), "a", id="path"),
        pytest.param(PROXY, Named(path="a", headers=("a",), parameter="a"), "a", id="all agree"),
        pytest.param(TWO, Named(headers=("b",)), "b", id="one of several"),
        pytest.param(ONE, Named(), "a", id="the only one need not be named"),
        pytest.param(ADMIN, Named(path="x"), "x", id="an administrator may name any"),
    ],
)
async def test_the_tenant_is_found(principal: Principal, places: Named, expected: str) -> None:
    assert await tenant.chosen(principal, tenant.named(places)) == expected


@pytest.mark.parametrize(
    ("principal", "places", "kind"),
    [
        pytest.param(PROXY, Named(), "unauthenticated", id="nobody is vouched for"),
        pytest.param(PROXY, Named(headers=("",)), "unauthenticated", id="an empty header"),
        pytest.param(
            ONE, Named(headers=("",)), "unauthenticated", id="an empty header, by another"
        ),
        pytest.param(
            PROXY, Named(headers=("",), parameter="a"), "malformed", id="it cannot be filled"
        ),
        pytest.param(PROXY, Named(headers=("a",), parameter="b"), "malformed", id="two tenants"),
        pytest.param(PROXY, Named(path="a", headers=("b",)), "malformed", id="path and header"),
        pytest.param(PROXY, Named(path="a", parameter="b"), "malformed", id="path and parameter"),
        pytest.param(
            PROXY, Named(headers=("a", "a")), "malformed", id="two headers, even if equal"
        ),
        pytest.param(PROXY, Named(headers=("a\udcff",)), "malformed", id="not UTF-8"),
        pytest.param(PROXY, Named(path="a\nb"), "malformed", id="a line break"),
        pytest.param(PROXY, Named(parameter="a" * 254), "malformed", id="longer than any name"),
        pytest.param(TWO, Named(), "malformed", id="none of several"),
        pytest.param(ADMIN, Named(), "malformed", id="none of all"),
        pytest.param(NONE, Named(), "malformed", id="none, and none is held"),
        pytest.param(TWO, Named(headers=("c",)), "forbidden", id="not one's own"),
        pytest.param(TWO, Named(headers=("a, b",)), "forbidden", id="a joined header is one name"),
        pytest.param(ONE, Named(path="A"), "forbidden", id="case matters"),
        pytest.param(ONE, Named(path="*"), "forbidden", id="a star is a name like others"),
    ],
)
async def test_anything_else_is_refused(principal: Principal, places: Named, kind: Kind) -> None:
    with pytest.raises(Failure) as raised:
        await tenant.chosen(principal, tenant.named(places))

    assert raised.value.kind == kind
