"""Connections come in through lanes, and all of them end together."""

import asyncio

import pytest
from aiohttp import web

from query_gateway.inbound import door
from query_gateway.testing import EMPTY_VECTOR, FakePrometheus, gateway

TENANT = {"X-Tenant-Namespace": "shop"}


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/api/v1/query", ("query", None)),
        ("POST", "/api/v1/query_range", ("query_range", None)),
        ("GET", "/federate", ("federate", None)),
        ("GET", "/tenants/a.b-c/api/v1/query", ("query", "a.b-c")),
        ("GET", "/tenants/shop/federate", ("federate", "shop")),
        ("POST", "/api/v1/rules", None),
        ("POST", "/api/v1/read", None),
        ("GET", "/api/v1/label/a/values", None),
        ("GET", "/api/v1/label/{name}/values", None),
        ("GET", "/tenants/{tenant}/api/v1/label/{name}/values", None),
        ("GET", "/api/v1/query/", None),
        ("GET", "//api/v1/query", None),
        ("GET", "/api/v1/%71uery", None),
        ("GET", "/tenants/%62ank/api/v1/query", None),
        ("GET", "/tenants//api/v1/query", None),
        ("GET", "/tenants/shop", None),
        ("GET", "/tenants/shop/", None),
        ("GET", "/tenants/a/tenants/b/api/v1/query", None),
        ("GET", "/metrics", None),
    ],
)
def test_only_plain_paths_are_found(
    method: str, path: str, expected: tuple[str, str | None] | None
) -> None:
    found = door.find(method, path)

    assert (found and (found[0].name, found[1])) == expected


async def test_a_connection_that_is_never_made_is_not_kept() -> None:
    async with gateway([FakePrometheus()]) as harness:
        runner = harness.client.server.runner
        assert runner is not None
        assert runner.server is not None
        made = runner.server.connections
        runner.server()  # as before a handshake that fails

        assert runner.server.connections == made


async def test_everything_is_answered_on_one_connection() -> None:
    async with gateway([FakePrometheus()]) as harness:
        harness.policies.grant("shop", "up")
        statuses = []
        for path in ("/api/v1/query?query=up", "/nowhere", "/api/v1/query?query=up"):
            answer = await harness.client.get(path, headers=TENANT)
            await answer.read()
            statuses.append(answer.status)

    assert statuses == [200, 404, 200]


async def test_a_server_that_ends_lets_running_requests_end() -> None:
    asked, turn = asyncio.Event(), asyncio.Event()

    async def slowly(request: web.Request) -> web.StreamResponse:
        asked.set()
        await turn.wait()
        return await EMPTY_VECTOR(request)

    async with gateway([FakePrometheus(answer=slowly)]) as harness:
        harness.policies.grant("shop", "up")
        port = harness.client.port
        idle, unused = await asyncio.open_connection("127.0.0.1", port)
        busy, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /api/v1/query?query=up HTTP/1.1\r\nHost: x\r\n")
        writer.write(b"X-Tenant-Namespace: shop\r\n\r\n")
        await asyncio.wait_for(asked.wait(), 5)
        async with asyncio.timeout(5), asyncio.TaskGroup() as group:
            end = group.create_task(harness.client.server.close(), name="end")
            assert await idle.read() == b""  # there is nothing to wait for
            assert not end.done()
            turn.set()
            answer = await busy.read()
        for one in (unused, writer):
            one.close()
            await one.wait_closed()

    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b'"result":[]}}')
