"""Every request has an id, a trace, an envelope, a count and an audit event."""

import logging
import re

import aiohttp
import pytest

from query_gateway import config
from query_gateway.identity.settings import Auth
from query_gateway.testing import FakePrometheus, Harness, error_answer, gateway

TENANT = {"X-Tenant-Namespace": "shop"}
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture(autouse=True)
def _everything_is_written(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="tenantry.audit")


def audited(caplog: pytest.LogCaptureFixture, *fields: str) -> list[tuple[object, ...]]:
    """Return these fields of every audit event."""
    return [
        tuple(getattr(record, field) for field in fields)
        for record in caplog.records
        if record.name == "tenantry.audit"
    ]


async def ask(
    harness: Harness, path: str = "/api/v1/query?query=up", **headers: str
) -> aiohttp.ClientResponse:
    """Ask as the tenant `shop`, and read the answer to its end."""
    answer = await harness.client.get(path, headers={**TENANT, **headers})
    await answer.read()
    return answer


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/api/v1/query?query=up", id="answered"),
        pytest.param("/api/v1/query?query=up{", id="refused"),
        pytest.param("/nowhere", id="no endpoint"),
    ],
)
async def test_the_answer_bears_the_requests_id(path: str) -> None:
    async with gateway([FakePrometheus()]) as harness:
        harness.policies.grant("shop", "up")

        given = await ask(harness, path, **{"X-Request-Id": "abc.1"})
        made = await ask(harness, path, **{"X-Request-Id": "a b"})

    assert given.headers["X-Request-Id"] == "abc.1"
    assert re.fullmatch("[0-9a-f]{32}", made.headers["X-Request-Id"])


async def test_an_answered_request_is_audited(caplog: pytest.LogCaptureFixture) -> None:
    async with gateway([FakePrometheus()]) as harness:
        harness.policies.grant("shop", "up")
        await ask(harness, **{"X-Request-Id": "abc"})

    fields = ("request_id", "principal", "mode", "peer", "tenant", "endpoint", "outcome", "status")
    assert audited(caplog, *fields) == [
        (
            "abc",
            "proxy 127.0.0.1",
            "trusted-header",
            "127.0.0.1",
            "shop",
            "query",
            "answered",
            200,
        )
    ]
    assert re.fullmatch("[0-9a-f]{32}", str(audited(caplog, "query_digest")[0][0]))


@pytest.mark.parametrize(
    ("path", "headers", "expected"),
    [
        pytest.param("/api/v1/query?query=up{", TENANT, ("shop", "syntax", 400), id="syntax"),
        pytest.param("/nowhere", TENANT, ("", "unknown_endpoint", 404), id="no endpoint"),
        pytest.param("/api/v1/query?query=up", {}, ("", "unauthenticated", 401), id="nobody"),
        pytest.param(
            "/api/v1/query?query=up",
            {"X-Tenant-Namespace": "bank"},
            ("bank", "forbidden", 403),
            id="a tenant without a policy",
        ),
        pytest.param(
            "/api/v1/query?query=up",
            {"X-Tenant-Namespace": "a\u00a0b"},
            ("", "malformed", 400),
            id="no name of a tenant",
        ),
    ],
)
async def test_a_refused_request_is_audited(
    caplog: pytest.LogCaptureFixture,
    path: str,
    headers: dict[str, str],
    expected: tuple[object, ...],
) -> None:
    async with gateway([FakePrometheus()]) as harness:
        harness.policies.grant("shop", "up")
        answer = await harness.client.get(path, headers=headers)

    assert answer.status == expected[2]
    assert audited(caplog, "tenant", "outcome", "status") == [expected]


async def test_an_answer_that_is_broken_off_is_audited_as_such(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def answer(request: aiohttp.web.Request) -> aiohttp.web.StreamResponse:
        response = aiohttp.web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        await response.write(b"{")
        if request.transport is not None:
            request.transport.abort()
        return response

    async with gateway([FakePrometheus(answer=answer)]) as harness:
        harness.policies.grant("shop", "up")
        with pytest.raises(aiohttp.ClientError):
            await ask(harness)

    assert audited(caplog, "outcome", "status") == [("broken off", 200)]


async def test_neither_queries_nor_credentials_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with gateway([FakePrometheus(answer=error_answer(503, "timeout", "x"))]) as harness:
        harness.policies.grant("shop", "up")
        for path in ("/api/v1/query?query=up{a=~'needle'}", "/api/v1/query?query=needle{"):
            await ask(harness, path, Authorization="Bearer needle", Cookie="needle")

    # The servers of this test have access logs of their own, with URLs; ours has none.
    ours = [vars(record) for record in caplog.records if record.name != "aiohttp.access"]
    assert "needle" not in repr(ours)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(TRACEPARENT, TRACEPARENT, id="well-formed"),
        pytest.param("00-nonsense", None, id="anything else"),
    ],
)
async def test_a_trace_goes_on_at_the_backend(given: str, expected: str | None) -> None:
    fake = FakePrometheus()
    async with gateway([fake]) as harness:
        harness.policies.grant("shop", "up")
        await ask(harness, traceparent=given, tracestate="x=y", baggage="a=b")

    (seen,) = fake.seen
    assert seen.headers.get("traceparent") == expected
    assert not {"tracestate", "baggage"} & set(seen.headers)


async def test_configured_headers_reach_the_backend_and_the_tenants_do_not() -> None:
    fake = FakePrometheus()
    settings = config.Upstream(headers={"X-Scope-OrgID": "infrastructure"})
    async with gateway([fake], upstream_settings=settings) as harness:
        harness.policies.grant("shop", "up")
        await ask(harness, **{"x-scope-orgid": "bank", "THANOS-TENANT": "bank"})

    (seen,) = fake.seen
    assert seen.headers.getall("X-Scope-OrgID") == ["infrastructure"]  # type: ignore[attr-defined]  # they are a multidict
    assert "THANOS-TENANT" not in seen.headers


async def test_only_tenants_with_a_policy_are_counted_by_name() -> None:
    async with gateway([FakePrometheus()]) as harness:
        harness.policies.grant("shop", "up")
        await ask(harness)
        await harness.client.get("/api/v1/query?query=up", headers={"X-Tenant-Namespace": "x"})

        counted = [
            sample.labels
            for family in harness.registry.collect()
            for sample in family.samples
            if sample.name == "tenantry_query_gateway_tenant_requests_total"
        ]

    assert counted == [{"tenant": "shop", "status": "200"}]


async def test_figures_have_the_names_of_adobes_proxy_too() -> None:
    async with gateway([FakePrometheus("a")]) as harness:
        harness.policies.grant("shop", "up")
        await ask(harness)
        read = harness.registry.get_sample_value

        assert read("prometheus_proxy_requests_total", {"endpoint": "query", "status": "200"}) == 1
        assert read("prometheus_proxy_request_duration_seconds_count", {"endpoint": "query"}) == 1
        assert (
            read("prometheus_proxy_backend_requests_total", {"backend": "a", "status": "200"}) == 1
        )
        assert read("prometheus_proxy_targets_discovered") is not None
        assert read("prometheus_proxy_tenants_active") is not None


async def test_without_modes_the_mode_is_counted_as_none() -> None:
    async with gateway([FakePrometheus()], auth=Auth()) as harness:
        await ask(harness)

        assert harness.registry.get_sample_value(
            "tenantry_query_gateway_identified_total", {"mode": "none"}
        )
