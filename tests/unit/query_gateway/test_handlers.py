"""What a tenant sends, what then reaches a backend, and what the tenant is answered."""

import asyncio
import json

import aiohttp
import pytest
from aiohttp import web

from query_gateway import config
from query_gateway.identity.settings import Auth, TrustedHeader
from query_gateway.testing import (
    LOOPBACK_IS_TRUSTED,
    FakePrometheus,
    Harness,
    Seen,
    error_answer,
    gateway,
    json_answer,
)

TENANT = {"X-Tenant-Namespace": "shop"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
NEVER = '{__tenantry_never__=~".+",__tenantry_never__!~".+"}'


async def failure(response: aiohttp.ClientResponse) -> tuple[int, str, str]:
    """Return status, errorType and error of an answer in the error envelope."""
    body = await response.json()
    assert (body["status"], set(body)) == ("error", {"status", "errorType", "error"})
    return response.status, body["errorType"], body["error"]


def counted(harness: Harness, name: str, **labels: str) -> float | None:
    return harness.registry.get_sample_value(f"tenantry_query_gateway_{name}", labels)


# --- what reaches the backend


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_query_reaches_the_backend_restricted(method: str) -> None:
    fake = FakePrometheus()
    async with gateway([fake]) as harness:
        harness.policies.grant("shop", '{namespace="shop"}')
        pairs = {"query": "sum(up)", "time": "7", "stats": "all", "evil": "1"}
        given = {"params": pairs} if method == "GET" else {"data": pairs}

        answer = await harness.client.request(method, "/api/v1/query", headers=TENANT, **given)  # type: ignore[arg-type]  # one of two

        assert (answer.status, answer.content_type) == (200, "application/json")
        assert await answer.json() == {
            "status": "success",
            "data": {"resultType": "vector", "result": []},
        }
        assert counted(harness, "requests_total", endpoint="query", status="200") == 1

    assert fake.seen == [
        Seen(
            "POST",
            "/api/v1/query",
            (("query", 'sum(up{namespace="shop"})'), ("time", "7"), ("timeout", "120s")),
            {},
        )
    ]


async def test_nothing_of_the_request_but_parsed_parameters_goes_upstream() -> None:
    fake = FakePrometheus()
    async with gateway([fake]) as harness:
        harness.policies.grant("shop", "up")

        await harness.client.get(
            "/api/v1/query?query=up&namespace=shop",
            headers={
                **TENANT,
                "Authorization": "Bearer secret",
                "Cookie": "a=b",
                "X-Scope-OrgID": "other",
                "THANOS-TENANT": "other",
                "X-Forwarded-For": "10.0.0.1",
                "X-Prometheus-Remote-Read-Version": "0.1.0",
            },
        )

    (seen,) = fake.seen
    assert seen.pairs == (("query", "up"), ("timeout", "120s"))
    assert set(seen.headers) == {
        "Host",
        "Accept",
        "Accept-Encoding",
        "User-Agent",
        "Content-Length",
        "Content-Type",
    }


@pytest.mark.parametrize(
    ("path", "upstream_path"),
    [
        pytest.param("/api/v1/label/job/values", "/api/v1/label/job/values", id="native"),
        pytest.param(
            "/api/v1/label/U______name____/values", "/api/v1/label/__name__/values", id="escaped"
        ),
    ],
)
async def test_label_values_are_asked_with_the_rules(path: str, upstream_path: str) -> None:
    fake = FakePrometheus(answer=json_answer(["b", "a"]))
    async with gateway([fake]) as harness:
        harness.policies.grant("shop", '{namespace="shop"}')

        answer = await harness.client.get(f"{path}?limit=1", headers=TENANT)

        assert await answer.json() == {
            "status": "success",
            "data": ["a"],
            "warnings": ["results truncated due to limit"],
        }

    assert fake.seen == [Seen("GET", upstream_path, (("match[]", '{namespace="shop"}'),), {})]


async def test_series_are_asked_for_the_union_of_pieces() -> None:
    fake = FakePrometheus(answer=json_answer([{"__name__": "up", "job": "a"}]))
    async with gateway([fake]) as harness:
        harness.policies.grant("shop", 'up{job="a"}', '{namespace="shop"}')

        answer = await harness.client.post(
            "/api/v1/series?match[]=up", data={"start": "1"}, headers=TENANT
        )

        assert (await answer.json())["data"] == [{"__name__": "up", "job": "a"}]

    (seen,) = fake.seen
    assert set(seen.pairs) == {
        ("match[]", 'up{job="a"}'),
        ("match[]", 'up{namespace="shop"}'),
        ("start", "1"),
    }


@pytest.mark.parametrize(
    ("path", "data", "empty"),
    [
        ("query?query=up", {"resultType": "vector", "result": []}, "up"),
        ("query_range?query=up&start=1&end=2&step=1", {"resultType": "matrix", "result": []}, "up"),
        ("series?match[]=up", [], "up"),
        ("labels", [], ""),
        ("label/job/values", [], ""),
    ],
)
async def test_a_tenant_without_rules_gets_empty_answers(
    path: str, data: object, empty: str
) -> None:
    fake = FakePrometheus(answer=json_answer(data))
    async with gateway([fake]) as harness:
        harness.policies.grant("shop")

        answer = await harness.client.get(f"/api/v1/{path}", headers=TENANT)

        assert await answer.json() == {"status": "success", "data": data}

    assert fake.seen[0].pairs[0][1] == empty + NEVER


async def test_pieces_of_a_range_selector_are_united_at_one_time() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        text = (await request.post())["query"]
        series = {"metric": {"__name__": "up", "job": "a", "namespace": "shop"}, "values": []}
        own = {"metric": {"__name__": "up", "query": str(text)}, "values": [[1, "1"]]}
        own["metric"]["job" if 'job="a"' in str(text) else "namespace"] = (  # type: ignore[index]
            "a" if 'job="a"' in str(text) else "shop"
        )
        return await json_answer({"resultType": "matrix", "result": [series, own]})(request)

    one, other = FakePrometheus("one", answer), FakePrometheus("other", answer)
    async with gateway([one, other], now=lambda: 1234.5) as harness:
        harness.policies.grant("shop", 'up{job="a"}', '{namespace="shop"}')

        found = await harness.client.get("/api/v1/query?query=up[5m]&limit=2", headers=TENANT)
        body = await found.json()

    asked, idle = (one, other) if one.seen else (other, one)
    assert idle.seen == []
    assert {dict(seen.pairs)["query"] for seen in asked.seen} == {
        'up{job="a"}[5m]',
        'up{namespace="shop"}[5m]',
    }
    assert {seen.pairs[1:] for seen in asked.seen} == {(("timeout", "120s"), ("time", "1234.500"))}
    assert [len(series["metric"]) for series in body["data"]["result"]] == [3, 3]
    assert body["warnings"] == ["results truncated due to limit"]


# --- what never reaches it


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/api/v1/write",
        "/api/v1/admin/tsdb/delete_series",
        "/api/v1/status/config",
        "/api/v1/status/flags",
        "/api/v1/targets",
        "/-/reload",
        "/-/healthy",
        "/metrics",
        "/health",
        "/healthz",
        "/readyz",
        "/debug/tenants",
        "/debug/targets",
        "/debug/pprof/",
        "/graph",
        "/api/v1/query/",
        "/api/v1//query",
        "//api/v1/query",
        "/API/V1/QUERY",
        "/api/v1/label/values",
        "/api/v1/label//values",
        "/api/v1/label/a/b/values",
        "/api/v1/label/job/values/",
    ],
)
async def test_what_is_not_in_the_list_is_not_found(path: str) -> None:
    fake = FakePrometheus()
    async with gateway([fake]) as harness:
        harness.policies.grant("shop", "up")
        url = harness.client.make_url("").with_path(path, encoded=True).with_query(query="up")

        for method in ("GET", "POST", "PUT", "DELETE"):
            answer = await harness.client.session.request(method, url, headers=TENANT)
            assert await failure(answer) == (404, "not_found", "there is no such endpoint")

        assert counted(harness, "requests_total", endpoint="other", status="404") == 4

    assert fake.seen == []


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/api/v1/query", "GET,POST"),
        ("DELETE", "/api/v1/series", "GET,POST"),
        ("POST", "/api/v1/label/job/values", "GET"),
        ("OPTIONS", "/api/v1/query", "GET,POST"),
    ],
)
async def test_other_methods_are_refused(method: str, path: str, allow: str) -> None:
    fake = FakePrometheus()
    async with gateway([fake]) as harness:
        answer = await harness.client.request(method, path, headers=TENANT)

        assert (await failure(answer))[:2] == (405, "bad_data")
        assert answer.headers["Allow"] == allow

    assert fake.seen == []


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        pytest.param({"Content-Type": "application/json"}, b"query=up", 415, id="JSON"),
        pytest.param(
            {"Content-Type": "multipart/form-data; boundary=x"}, b"query=up", 415, id="multipart"
        ),
        pytest.param({"Content-Type": ""}, b"query=up", 415, id="no type"),
        pytest.param(
            {"Content-Type": FORM["Content-Type"] + "; charset=utf-16"},
            b"query=up",
            415,
            id="another character set",
        ),
        pytest.param({**FORM, "Content-Encoding": "gzip"}, b"query=up", 415, id="compressed"),
        pytest.param({**FORM, "Content-Encoding": "identity"}, b"query=up", 415, id="or said not"),
        pytest.param(FORM, b"query=up&query=down", 400, id="two queries"),
        pytest.param(FORM, b"query=%ff", 400, id="not UTF-8"),
        pytest.param(FORM, b"query=%EF%BF%BD", 400, id="replacement character"),
        pytest.param(FORM, b"query=up%00", 400, id="NUL"),
        pytest.param(FORM, b"query=up;query=down", 400, id="semicolon"),
        pytest.param(FORM, b"query=up{", 400, id="does not parse"),
        pytest.param(FORM, b"", 400, id="no query"),
        pytest.param(FORM, b"query=info(up)", 422, id="cannot be exact"),
        pytest.param(FORM, b"query=up&a=" + b"x" * 5000, 413, id="too long"),
        pytest.param(FORM, b"query=up&namespace=bank", 400, id="another tenant"),
    ],
)
async def test_a_bad_request_is_refused_before_it_reaches_a_backend(
    headers: dict[str, str], body: bytes, status: int
) -> None:
    fake = FakePrometheus()
    async with gateway([fake], limits=config.Limits(request_bytes=4096)) as harness:
        harness.policies.grant("shop", '{namespace="shop"}')
        harness.policies.grant("bank", '{namespace="bank"}')

        answer = await harness.client.post(
            "/api/v1/query", data=body, headers={**TENANT, **headers}
        )

        assert (await failure(answer))[0] == status

    assert fake.seen == []


async def test_a_parameter_in_url_and_body_is_refused() -> None:
    fake = FakePrometheus()
    async with gateway([fake]) as harness:
        harness.policies.grant("shop", "up")

        answer = await harness.client.post(
            "/api/v1/query?query=up", data={"query": "up"}, headers=TENANT
        )

        assert await failure(answer) == (
            400,
            "bad_data",
            'parameter "query" occurs more than once',
        )

    assert fake.seen == []


async def test_a_post_without_a_body_is_read_from_its_url() -> None:
    fake = FakePrometheus()
    async with gateway([fake]) as harness:
        harness.policies.grant("shop", "up")

        answer = await harness.client.post(
            "/api/v1/query?query=up", headers=TENANT, skip_auto_headers=("Content-Type",)
        )

        assert answer.status == 200


@pytest.mark.parametrize(
    "query",
    [
        pytest.param('up{a="ä"}'.encode(), id="not ASCII"),
        pytest.param(b"up&" + b"x" * 101_000, id="longer than a request line may be"),
    ],
)
async def test_a_url_that_is_none_is_refused(query: bytes) -> None:
    fake = FakePrometheus()
    async with gateway([fake]) as harness:
        harness.policies.grant("shop", "up")
        reader, writer = await asyncio.open_connection("127.0.0.1", harness.client.port)
        writer.write(b"GET /api/v1/query?query=" + query + b" HTTP/1.1\r\nHost: x\r\n")
        writer.write(b"X-Tenant-Namespace: shop\r\n\r\n")
        status = await asyncio.wait_for(reader.readline(), 5)
        writer.close()
        await writer.wait_closed()

    assert status.split()[1] == b"400"
    assert fake.seen == []


async def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    fake = FakePrometheus()
    async with gateway([fake], limits=config.Limits(read_seconds=0.05)) as harness:
        reader, writer = await asyncio.open_connection("127.0.0.1", harness.client.port)
        writer.write(
            b"POST /api/v1/query HTTP/1.1\r\nHost: x\r\nX-Tenant-Namespace: shop\r\n"
            b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nquery="
        )
        status = await asyncio.wait_for(reader.readline(), 5)
        writer.close()
        await writer.wait_closed()

    assert status.split()[1] == b"408"


# --- who is asking


@pytest.mark.parametrize(
    ("path", "headers", "expected"),
    [
        pytest.param("query?query=up", {}, (401, "unauthorized"), id="no tenant"),
        pytest.param(
            "query?query=up",
            {"X-Tenant-Namespace": "nobody"},
            (403, "forbidden"),
            id="an unknown tenant",
        ),
        pytest.param("query?query=up&namespace=bank", TENANT, (400, "bad_data"), id="two tenants"),
        pytest.param(
            "query?query=up&namespace=shop&namespace=shop",
            {},
            (400, "bad_data"),
            id="the parameter twice",
        ),
        pytest.param(
            "query?query=up&namespace=shop",
            {"X-Tenant-Namespace": ""},
            (400, "bad_data"),
            id="an empty header cannot be filled",
        ),
    ],
)
async def test_without_one_known_tenant_there_is_no_answer(
    path: str, headers: dict[str, str], expected: tuple[int, str]
) -> None:
    fake = FakePrometheus()
    async with gateway([fake]) as harness:
        harness.policies.grant("shop", "up")

        answer = await harness.client.get(f"/api/v1/{path}", headers=headers)

        assert (await failure(answer))[:2] == expected

    assert fake.seen == []


async def test_the_tenant_header_twice_is_refused() -> None:
    fake = FakePrometheus()
    async with gateway([fake]) as harness:
        harness.policies.grant("shop", "up")
        twice = [("X-Tenant-Namespace", "shop"), ("X-Tenant-Namespace", "shop")]

        answer = await harness.client.get("/api/v1/query?query=up", headers=twice)

        assert (await failure(answer))[0] == 400


@pytest.mark.parametrize(
    "auth",
    [
        pytest.param(Auth(), id="nothing configured"),
        pytest.param(
            Auth(
                modes=("trusted-header",),
                trusted_header=TrustedHeader(networks=("10.0.0.0/8",)),
            ),
            id="another network",
        ),
    ],
)
async def test_a_peer_that_is_not_trusted_is_told_nothing(auth: Auth) -> None:
    fake = FakePrometheus()
    async with gateway([fake], auth=auth) as harness:
        harness.policies.grant("shop", "up")
        headers = {**TENANT, "X-Forwarded-For": "10.0.0.1", "Forwarded": "for=10.0.0.1"}

        answer = await harness.client.get("/api/v1/query?query=up{", headers=headers)

        assert (await failure(answer))[0] == 401
        assert "WWW-Authenticate" in answer.headers

    assert fake.seen == []


async def test_the_parameter_names_the_tenant_and_stays_here() -> None:
    fake = FakePrometheus()
    async with gateway([fake], auth=LOOPBACK_IS_TRUSTED) as harness:
        harness.policies.grant("shop", "up")

        answer = await harness.client.post(
            "/api/v1/query", data={"query": "up", "namespace": "shop"}
        )

        assert answer.status == 200

    assert "namespace" not in dict(fake.seen[0].pairs)


async def test_a_changed_or_removed_policy_counts_at_once() -> None:
    fake = FakePrometheus()
    async with gateway([fake]) as harness:
        statuses = []
        for rules in (("up",), ('{job="x"}',)):
            harness.policies.grant("shop", *rules)
            answer = await harness.client.get("/api/v1/query?query=up", headers=TENANT)
            statuses.append(answer.status)
        harness.policies.snapshot.clear()
        answer = await harness.client.get("/api/v1/query?query=up", headers=TENANT)
        statuses.append(answer.status)

    assert statuses == [200, 200, 403]
    assert [dict(seen.pairs)["query"] for seen in fake.seen] == ["up", 'up{job="x"}']


async def test_without_confirmed_policies_nothing_is_answered() -> None:
    fake = FakePrometheus()
    async with gateway([fake]) as harness:
        harness.policies.grant("shop", "up")
        harness.policies.age = 1000

        answer = await harness.client.get("/api/v1/query?query=up", headers=TENANT)

        assert (await failure(answer))[:2] == (503, "unavailable")
        assert counted(harness, "refused_total", reason="policies") == 1

    assert fake.seen == []


# --- what the tenant is answered


async def test_an_answer_is_passed_on_while_it_comes() -> None:
    go = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_type = "application/json"
        await response.prepare(request)
        await response.write(b'{"status":')
        await go.wait()
        await response.write(b'"success"}')
        return response

    fake = FakePrometheus(answer=answer)
    async with gateway([fake]) as harness:
        harness.policies.grant("shop", "up")

        found = await harness.client.get("/api/v1/query?query=up", headers=TENANT)
        first = await asyncio.wait_for(found.content.readany(), 5)
        go.set()
        rest = await asyncio.wait_for(found.read(), 5)

    assert (first, rest) == (b'{"status":', b'"success"}')


async def test_an_answer_that_breaks_off_does_not_look_complete() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_type = "application/json"
        await response.prepare(request)
        await response.write(b'{"status":"success"')
        if request.transport is not None:
            request.transport.abort()
        return response

    fake = FakePrometheus(answer=answer)
    async with gateway([fake]) as harness:
        harness.policies.grant("shop", "up")

        found = await harness.client.get("/api/v1/query?query=up", headers=TENANT)
        with pytest.raises(aiohttp.ClientPayloadError):
            await found.read()

        assert counted(harness, "broken_off_total", endpoint="query") == 1


async def test_a_client_that_goes_away_ends_the_query() -> None:
    asked, ended = asyncio.Event(), asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return web.Response()

    fake = FakePrometheus(answer=answer)
    async with gateway([fake]) as harness:
        harness.policies.grant("shop", "up")
        _, writer = await asyncio.open_connection("127.0.0.1", harness.client.port)
        writer.write(
            b"GET /api/v1/query?query=up HTTP/1.1\r\nHost: x\r\nX-Tenant-Namespace: shop\r\n\r\n"
        )
        await asyncio.wait_for(asked.wait(), 5)
        writer.close()
        await asyncio.wait_for(ended.wait(), 5)

        assert counted(harness, "requests_total", endpoint="query", status="499") == 1


async def test_a_tenant_that_asks_too_much_is_told_the_limit() -> None:
    asked, go = asyncio.Event(), asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.set()
        await go.wait()
        return await json_answer([])(request)

    fake = FakePrometheus(answer=answer)
    limits = config.Limits(concurrent_per_tenant=1, waiting_per_tenant=0)
    async with gateway([fake], limits=limits) as harness, asyncio.TaskGroup() as group:
        harness.policies.grant("shop", "up")
        harness.policies.grant("bank", "up")
        first = group.create_task(harness.client.get("/api/v1/labels", headers=TENANT))
        await asyncio.wait_for(asked.wait(), 5)

        second = await harness.client.get("/api/v1/labels", headers=TENANT)
        go.set()
        other = await harness.client.get("/api/v1/labels", headers={"X-Tenant-Namespace": "bank"})

        assert (await failure(second))[::2] == (429, "the limit waiting_per_tenant is 0")
        assert ((await first).status, other.status) == (200, 200)


async def test_a_policy_that_is_removed_while_a_request_waits_is_not_used() -> None:
    asked, go = asyncio.Event(), asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.set()
        await go.wait()
        return await json_answer([])(request)

    fake = FakePrometheus(answer=answer)
    limits = config.Limits(concurrent_per_tenant=1)
    async with gateway([fake], limits=limits) as harness, asyncio.TaskGroup() as group:
        harness.policies.grant("shop", "up")
        first = group.create_task(harness.client.get("/api/v1/labels", headers=TENANT))
        await asyncio.wait_for(asked.wait(), 5)
        second = group.create_task(harness.client.get("/api/v1/labels", headers=TENANT))
        async with asyncio.timeout(5):
            while not harness.admission.waiting:  # noqa: ASYNC110 - over a socket
                await asyncio.sleep(0.001)
        harness.policies.snapshot.clear()
        go.set()

        assert ((await first).status, (await second).status) == (200, 403)

    assert len(fake.seen) == 1


async def test_a_backends_complaint_is_passed_on_without_what_was_injected() -> None:
    text = 'invalid parameter "query": 1:30: parse error: up{namespace="shop"}'
    fake = FakePrometheus(answer=error_answer(400, "bad_data", text))
    async with gateway([fake]) as harness:
        harness.policies.grant("shop", '{namespace="shop"}')

        answer = await harness.client.get("/api/v1/query?query=up", headers=TENANT)
        status, error_type, error = await failure(answer)

    assert (status, error_type) == (400, "bad_data")
    assert "namespace" not in error


async def test_a_series_that_is_not_permitted_is_never_delivered() -> None:
    fake = FakePrometheus(answer=json_answer([{"__name__": "up", "namespace": "bank"}]))
    async with gateway([fake]) as harness:
        harness.policies.grant("shop", '{namespace="shop"}')

        answer = await harness.client.get("/api/v1/series?match[]=up", headers=TENANT)
        status, error_type, error = await failure(answer)

        assert (status, error_type, "bank" in error) == (500, "internal", False)
        assert counted(harness, "violations_total", endpoint="series") == 1


async def test_an_unexpected_fault_is_an_envelope_too() -> None:
    fake = FakePrometheus()
    async with gateway([fake]) as harness:
        harness.policies.grant("shop", "up")
        harness.backends.snapshot["a"] = json.loads("null")  # what can never be

        answer = await harness.client.get("/api/v1/query?query=up", headers=TENANT)

        assert await failure(answer) == (500, "internal", "internal error of the gateway")


# --- what one tenant may use


@pytest.mark.parametrize(
    ("limits", "path", "status", "text"),
    [
        pytest.param(
            {"range_seconds": 100},
            "query_range?query=up&start=0&end=101&step=1",
            422,
            "the limit range_seconds is 100, and the request asks for 101 s",
            id="range",
        ),
        pytest.param(
            {"points": 50},
            "query_range?query=up&start=0&end=101&step=1",
            422,
            "the limit points is 50 per series, and the request asks for 101",
            id="resolution",
        ),
        pytest.param({"query_bytes": 10}, "query?query=up%2Bup%2Bup%2Bup", 422, "10", id="length"),
        pytest.param({"pieces": 1}, "series?match[]=up", 422, "1", id="pieces"),
        pytest.param({"answer_bytes": 10}, "query?query=up", 422, "answer_bytes (10)", id="answer"),
        pytest.param(
            {"buffered_bytes": 10}, "series?match[]=up", 422, "buffered_bytes (10)", id="whole"
        ),
    ],
)
async def test_what_is_more_than_a_tenants_limit_is_refused_with_its_value(
    limits: dict[str, int], path: str, status: int, text: str
) -> None:
    overrides: dict[str, dict[str, int | float]] = {"shop": {**limits}}
    fake = FakePrometheus(answer=json_answer([{"__name__": "up"}] * 9))
    async with gateway([fake], limits=config.Limits(overrides=overrides)) as harness:
        for tenant in ("shop", "bank"):
            rules = ('up{job="a"}', 'up{instance="b"}') if "pieces" in limits else ("up",)
            harness.policies.grant(tenant, *rules)

        refused = await harness.client.get(f"/api/v1/{path}", headers=TENANT)
        other = await harness.client.get(f"/api/v1/{path}", headers={"X-Tenant-Namespace": "bank"})

        found = await failure(refused)
        assert found[0] == status
        assert text in found[2]
        assert other.status != status, "another tenant's limits are its own"


async def test_more_requests_than_a_second_may_have_are_429_and_told_when_to_come_back() -> None:
    fake = FakePrometheus()
    limits = config.Limits(requests_per_second=0.1, burst=2)
    async with gateway([fake], limits=limits) as harness:
        for tenant in ("shop", "bank"):
            harness.policies.grant(tenant, "up")
        answers = [
            await harness.client.get("/api/v1/query?query=up", headers=TENANT) for _ in range(3)
        ]
        other = await harness.client.get(
            "/api/v1/query?query=up", headers={"X-Tenant-Namespace": "bank"}
        )

        assert [answer.status for answer in (*answers, other)] == [200, 200, 429, 200]
        assert (await failure(answers[2]))[2] == "the limit requests_per_second is 0.1"
        assert int(answers[2].headers["Retry-After"]) in (9, 10)


async def test_a_tenants_time_is_the_shorter_of_its_own_and_ours() -> None:
    answered = asyncio.Event()

    async def never(_: web.Request) -> web.StreamResponse:
        await answered.wait()
        return web.Response()

    fake = FakePrometheus(answer=never)
    limits = config.Limits(timeout_seconds=0.05)
    async with gateway([fake], limits=limits) as harness:
        harness.policies.grant("shop", "up")

        answer = await harness.client.get("/api/v1/query?query=up", headers=TENANT)
        answered.set()

        assert await failure(answer) == (
            503,
            "timeout",
            "no backend answered within 0.05 s (limit timeout_seconds)",
        )

    assert dict(fake.seen[0].pairs)["timeout"] == "0.05s"


async def test_an_answer_that_turns_out_too_long_is_broken_off() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        for _ in range(100):
            await response.write(b" " * 1000)
            await asyncio.sleep(0)
        return response

    async with gateway(
        [FakePrometheus(answer=answer)], limits=config.Limits(answer_bytes=20_000)
    ) as harness:
        harness.policies.grant("shop", "up")
        with pytest.raises(aiohttp.ClientPayloadError):
            await (await harness.client.get("/api/v1/query?query=up", headers=TENANT)).read()

        assert counted(harness, "broken_off_total", endpoint="query") == 1
