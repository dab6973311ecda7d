"""Failures and answers become Prometheus' envelopes, which nobody caches."""

import json

from query_gateway import responses
from query_gateway.failures import Failure


def test_a_failure_becomes_the_error_envelope() -> None:
    response = responses.error(Failure("syntax", "1:1: parse error"))

    assert response.status == 400
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Server"] == "tenantry"
    assert response.body == (
        b'{"status":"error","errorType":"bad_data","error":"1:1: parse error"}'
    )


def test_a_failure_says_what_to_do_about_it() -> None:
    limited = responses.error(Failure("too_many", "x", retry_after=0.2))
    unknown = responses.error(Failure("unauthenticated", "x"))

    assert limited.headers["Retry-After"] == "1"
    assert unknown.headers["WWW-Authenticate"] == 'Bearer realm="tenantry"'
    assert "Retry-After" not in unknown.headers


def test_text_that_is_not_ascii_survives() -> None:
    assert json.loads(responses.error_body(Failure("syntax", 'ä"\n')))["error"] == 'ä"\n'


def test_nobody_caches_an_answer() -> None:
    response = responses.success(b"{}")

    assert (response.status, response.headers["Cache-Control"]) == (200, "no-store")
