"""Requests are built from scratch, for the backend that is meant."""

import pytest

from query_gateway.calls import Call
from query_gateway.outgoing import Outgoing
from tenantry_common.backend_access import Closed, Keyring
from tenantry_common.contracts import Backend

CALL = Call(method="POST", path="/api/v1/query", form=(("query", "up"),))


def backend(**more: str) -> Backend:
    return Backend(id="a", url="http://a:9090/prom", ha_set="s", **more)  # type: ignore[arg-type]


def test_a_request_has_the_backends_path_and_all_headers() -> None:
    outgoing = Outgoing({"X-Scope-OrgID": "all"}, Keyring({}))

    origin, message, greeting = outgoing.addressed(backend(), CALL, {"traceparent": "t"})

    assert (origin.host, origin.port, origin.tls, greeting) == ("a", 9090, False, None)
    assert message.startswith(b"POST /prom/api/v1/query HTTP/1.1\r\n")
    assert b"X-Scope-OrgID: all\r\n" in message
    assert b"traceparent: t\r\n" in message
    assert message.endswith(b"\r\n\r\nquery=up")


def test_a_process_that_has_to_be_the_one_that_was_seen_is_asked_when_it_started() -> None:
    _, _, greeting = Outgoing({}, Keyring({})).addressed(backend(started="then"), CALL, {})

    assert greeting is not None
    assert greeting().request.startswith(b"GET /prom/api/v1/status/runtimeinfo HTTP/1.1\r\n")


def test_without_its_profile_a_backend_is_not_asked() -> None:
    with pytest.raises(Closed):
        Outgoing({}, Keyring({})).addressed(backend(access="infra"), CALL, {})
