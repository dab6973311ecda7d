"""A principal holds the tenants that it holds, and one of them stands for itself."""

import pytest

from query_gateway.identity.principal import Every, Held, Tenants


@pytest.mark.parametrize(
    ("tenants", "held", "default"),
    [
        pytest.param(Held(frozenset({"a"})), [True, False], "a", id="one"),
        pytest.param(Held(frozenset({"a", "b"})), [True, True], None, id="two"),
        pytest.param(Held(frozenset()), [False, False], None, id="none"),
        pytest.param(Every(), [True, True], None, id="every"),
    ],
)
async def test_tenants(tenants: Tenants, held: list[bool], default: str | None) -> None:
    assert [await tenants.hold(name) for name in ("a", "b")] == held
    assert tenants.default == default
