"""A tenant's route stays until a backend changes."""

import pytest

from query_gateway.failures import Failure
from query_gateway.routes import Routes
from tenantry_common.contracts import Backend


def backend(id: str, *, healthy: bool = True) -> Backend:
    return Backend(id=id, url=f"http://{id}", ha_set="a", healthy=healthy)


def test_a_route_is_chosen_once() -> None:
    routes, known = Routes(), (backend("a"), backend("b"))

    assert routes.of("shop", known) is routes.of("shop", known)


def test_with_other_backends_it_is_chosen_again() -> None:
    routes = Routes()
    before = routes.of("shop", (backend("a"), backend("b")))

    after = routes.of("shop", (backend("a", healthy=False), backend("b")))

    assert {one.id for one in before[0].candidates} == {"a", "b"}
    assert [one.id for one in after[0].candidates] == ["b"]


def test_that_there_is_none_is_not_remembered() -> None:
    routes = Routes()
    with pytest.raises(Failure):
        routes.of("shop", ())

    assert routes.of("shop", (backend("a"),))[0].candidates
