"""The description says of each endpoint what the list says."""

from typing import Any

import pytest

from query_gateway import openapi
from query_gateway.endpoints import ENDPOINTS, Endpoint

DESCRIPTION: Any = openapi.description()


def test_every_endpoint_and_method_is_described() -> None:
    assert {path: {*methods} for path, methods in DESCRIPTION["paths"].items()} == {
        endpoint.path: {method.lower() for method in endpoint.methods} for endpoint in ENDPOINTS
    }


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda one: one.name)
def test_the_parameters_are_those_that_are_read(endpoint: Endpoint) -> None:
    known = endpoint.single | endpoint.several
    if endpoint.selectors != "none":
        known |= {"match[]"}
    if "{name}" in endpoint.path:
        known |= {"name"}

    for method, operation in DESCRIPTION["paths"][endpoint.path].items():
        named = {one["name"] for one in operation["parameters"]}
        if method == "post" and not endpoint.takes_message:
            (content,) = operation["requestBody"]["content"].values()
            named |= set(content["schema"]["properties"])
        if not endpoint.takes_message:
            assert named == known


def test_names_of_operations_are_unique() -> None:
    names = [one["operationId"] for path in DESCRIPTION["paths"].values() for one in path.values()]

    assert len(set(names)) == len(names)


def test_references_lead_somewhere() -> None:
    assert set(DESCRIPTION["components"]["schemas"]) == {"Error", "Access", "Explanation"}
