"""Tenants follow from names as the grants say, and from nothing else."""

import pytest

from query_gateway.identity.grants import Grants
from query_gateway.identity.principal import Every, Held
from query_gateway.identity.settings import Grant

GRANTS = Grants(
    [
        Grant(name="shop.viewers", tenants=("shop", "shop-dev")),
        Grant(pattern="team-(?P<team>[a-z]+)", tenants=("$team", "${1}-dev")),
        Grant(name="platform", tenants=("*",)),
        Grant(pattern="(.*)-as-is", tenants=("$1",)),
    ]
)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        pytest.param([], Held(frozenset()), id="nothing"),
        pytest.param(["other"], Held(frozenset()), id="no grant applies"),
        pytest.param(["shop.viewers"], Held(frozenset({"shop", "shop-dev"})), id="a name"),
        pytest.param(["shopxviewers"], Held(frozenset()), id="a dot in a name is a dot"),
        pytest.param(["team-web"], Held(frozenset({"web", "web-dev"})), id="a pattern's groups"),
        pytest.param(["x-team-web"], Held(frozenset()), id="a pattern matches the whole name"),
        pytest.param(["team-web\n"], Held(frozenset()), id="with its end"),
        pytest.param(
            ["team-web", "shop.viewers"],
            Held(frozenset({"web", "web-dev", "shop", "shop-dev"})),
            id="several add up",
        ),
        pytest.param(["other", "platform"], Every(), id="every tenant"),
        pytest.param(["*-as-is"], Held(frozenset()), id="a presented star is not every tenant"),
        pytest.param(["-as-is"], Held(frozenset()), id="an empty group is no tenant"),
    ],
)
def test_what_follows_from_names(names: list[str], expected: Held | Every) -> None:
    assert GRANTS.tenants(names) == expected
