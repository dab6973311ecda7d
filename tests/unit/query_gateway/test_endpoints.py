"""The list of endpoints is closed and consistent."""

import pytest

from query_gateway.endpoints import ENDPOINTS, LOCAL, Endpoint

_ROWS = [pytest.param(endpoint, id=endpoint.name) for endpoint in ENDPOINTS]
_FILTERED = {"metadata", "targets metadata", "rules", "alerts"}


def test_the_list_is_this() -> None:
    assert {endpoint.path: "/".join(sorted(endpoint.methods)) for endpoint in ENDPOINTS} == {
        "/api/v1/query": "GET/POST",
        "/api/v1/query_range": "GET/POST",
        "/api/v1/query_exemplars": "GET/POST",
        "/api/v1/series": "GET/POST",
        "/api/v1/labels": "GET/POST",
        "/api/v1/label/{name}/values": "GET",
        "/api/v1/metadata": "GET",
        "/api/v1/targets/metadata": "GET",
        "/api/v1/rules": "GET",
        "/api/v1/alerts": "GET",
        "/federate": "GET",
        "/api/v1/read": "POST",
        "/api/v1/search/metric_names": "GET/POST",
        "/api/v1/search/label_names": "GET/POST",
        "/api/v1/search/label_values": "GET/POST",
        "/api/v1/format_query": "GET/POST",
        "/api/v1/parse_query": "GET/POST",
        "/api/v1/status/buildinfo": "GET",
        "/api/v1/status/runtimeinfo": "GET",
        "/api/v1/features": "GET",
        "/api/v1/tenant/access": "GET",
        "/api/v1/tenant/explain": "POST",
        "/api/v1/tenant/openapi.json": "GET",
    }


@pytest.mark.parametrize("endpoint", _ROWS)
def test_an_endpoint_is_reached_with_the_tenant_in_the_path_too(endpoint: Endpoint) -> None:
    (name, path), (other_name, other_path) = endpoint.routes

    assert (name, path) == (endpoint.name, endpoint.path)
    assert other_path == "/tenants/{tenant}" + path
    assert other_name.rpartition(".")[2] == endpoint.name


@pytest.mark.parametrize("endpoint", _ROWS)
def test_what_asks_a_backend_is_restricted_or_filtered(endpoint: Endpoint) -> None:
    ways = (
        endpoint.answer in LOCAL,
        endpoint.answer in _FILTERED,
        endpoint.takes_query and endpoint.answer not in LOCAL,
        endpoint.selectors != "none",
        endpoint.takes_message,
    )

    assert sum(ways) == 1
    assert (endpoint.upstream == "") == (endpoint.answer in LOCAL)


@pytest.mark.parametrize("endpoint", _ROWS)
def test_what_names_the_tenant_is_read_and_never_passed(endpoint: Endpoint) -> None:
    assert "namespace" in endpoint.single
    assert "namespace" not in endpoint.passed


@pytest.mark.parametrize("endpoint", _ROWS)
def test_what_holds_promql_is_never_passed_as_it_is(endpoint: Endpoint) -> None:
    promql = {"query", "match[]", "match", "match_target"}

    assert not promql & (endpoint.passed | endpoint.passed_several)


@pytest.mark.parametrize("endpoint", _ROWS)
def test_no_parameter_is_read_in_two_ways(endpoint: Endpoint) -> None:
    kinds = (endpoint.passed, endpoint.kept, endpoint.passed_several, endpoint.kept_several)

    assert len(frozenset().union(*kinds)) == sum(map(len, kinds))


@pytest.mark.parametrize("endpoint", _ROWS)
def test_statistics_of_the_rewritten_query_are_not_asked_for(endpoint: Endpoint) -> None:
    assert "stats" not in endpoint.single


@pytest.mark.parametrize("endpoint", _ROWS)
def test_where_an_answer_is_united_or_cut_down_the_limit_is_applied_here(
    endpoint: Endpoint,
) -> None:
    if endpoint.answer not in ("stream", "search"):
        assert "limit" not in endpoint.passed
