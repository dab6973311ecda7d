"""Every failure has one status and one error type."""

from typing import get_args

import pytest

from query_gateway.failures import Failure, Kind


@pytest.mark.parametrize(
    ("kind", "status", "error_type"),
    [
        ("malformed", 400, "bad_data"),
        ("syntax", 400, "bad_data"),
        ("refused", 422, "execution"),
        ("limit", 422, "execution"),
        ("unauthenticated", 401, "unauthorized"),
        ("forbidden", 403, "forbidden"),
        ("unknown_endpoint", 404, "not_found"),
        ("method", 405, "bad_data"),
        ("slow_request", 408, "timeout"),
        ("too_large", 413, "bad_data"),
        ("media_type", 415, "bad_data"),
        ("too_many", 429, "too_many_requests"),
        ("policies", 503, "unavailable"),
        ("backends", 503, "unavailable"),
        ("identity", 503, "unavailable"),
        ("timeout", 503, "timeout"),
        ("upstream_bad_data", 400, "bad_data"),
        ("upstream_execution", 422, "execution"),
        ("violation", 500, "internal"),
        ("internal", 500, "internal"),
    ],
)
def test_a_failure_has_a_status_and_an_error_type(kind: Kind, status: int, error_type: str) -> None:
    failure = Failure(kind, "text")

    assert (failure.status, failure.error_type) == (status, error_type)


def test_every_kind_has_a_meaning() -> None:
    assert [Failure(kind, "").status for kind in get_args(Kind.__value__)]
