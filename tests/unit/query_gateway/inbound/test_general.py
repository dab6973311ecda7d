"""What aiohttp reads is answered as in a lane, and what only aiohttp reads is answered, too."""

import asyncio

import pytest
from aiohttp import web

from query_gateway import config
from query_gateway.testing import FakePrometheus, Harness, gateway, json_answer

PLAIN = b"GET %s HTTP/1.1\r\nHost: x\r\nX-Request-Id: 1\r\nX-Tenant-Namespace: %s\r\n"
LEFT_TO_AIOHTTP = b"TE: trailers\r\n"
LARGE = json_answer({"resultType": "vector", "result": ["x" * 300_000]})


async def streamed(request: web.Request) -> web.StreamResponse:
    """Answer in pieces, so that the gateway passes it on in pieces."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    for _ in range(3):
        await response.write(b"[" * 100_000)
        await asyncio.sleep(0.01)
    return response


async def exchanged(harness: Harness, *parts: bytes) -> tuple[bytes, dict[bytes, bytes], bytes]:
    """Send a request; return the first line, headers and body of its answer, chunks as they came."""
    reader, writer = await asyncio.open_connection("127.0.0.1", harness.client.port, limit=1 << 20)
    async with asyncio.timeout(5):
        for part in parts:
            writer.write(part)
            await writer.drain()
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head[:-4].split(b"\r\n")
        fields = dict(line.split(b": ", 1) for line in lines)
        length = fields.get(b"Content-Length")
        body = (
            await reader.readuntil(b"\r\n0\r\n\r\n")
            if length is None
            else await reader.readexactly(int(length))
        )
    writer.close()
    await writer.wait_closed()
    return first, fields, body


@pytest.mark.parametrize(
    ("path", "tenant", "status"),
    [
        pytest.param(b"/api/v1/query?query=up", b"shop", b"200 OK", id="answered"),
        pytest.param(b"/tenants/shop/api/v1/query?query=up", b"shop", b"200 OK", id="by path"),
        pytest.param(b"/api/v1/query?query=up{", b"shop", b"400 Bad Request", id="refused"),
        pytest.param(b"/api/v1/query?query=up", b"bank", b"403 Forbidden", id="forbidden"),
        pytest.param(b"/api/v1/query?query=up", b"", b"401 Unauthorized", id="nobody"),
        pytest.param(b"/api/v1/tenant/access", b"shop", b"200 OK", id="answered here"),
        pytest.param(b"/api/v1/series", b"shop", b"400 Bad Request", id="incomplete"),
    ],
)
@pytest.mark.parametrize("answer", [LARGE, streamed], ids=["large", "streamed"])
async def test_an_answer_is_the_same_whoever_read_the_request(
    path: bytes, tenant: bytes, status: bytes, answer: object
) -> None:
    async with gateway([FakePrometheus(answer=answer)]) as harness:  # type: ignore[arg-type]
        harness.policies.grant("shop", "up")
        head = PLAIN % (path, tenant)
        ours, theirs = [
            await exchanged(harness, head + more + b"\r\n") for more in (b"", LEFT_TO_AIOHTTP)
        ]

    for _, fields, _ in (ours, theirs):
        assert fields.pop(b"Date")
    assert ours[0] == theirs[0] == b"HTTP/1.1 " + status
    assert ours[1] == theirs[1]
    assert ours[2].replace(b"\r\n", b"")[-10:] == theirs[2].replace(b"\r\n", b"")[-10:]
    assert ours[2].count(b"[") == theirs[2].count(b"[")


async def test_a_body_in_chunks_is_read() -> None:
    fake = FakePrometheus()
    async with gateway([fake]) as harness:
        harness.policies.grant("shop", "up")
        head = b"POST /api/v1/query HTTP/1.1\r\nHost: x\r\nX-Tenant-Namespace: shop\r\n"
        head += b"Content-Type: application/x-www-form-urlencoded; charset=UTF-8\r\n"
        first, _, _ = await exchanged(
            harness, head + b"Transfer-Encoding: chunked\r\n\r\n8\r\n", b"query=up\r\n0\r\n\r\n"
        )

    assert first == b"HTTP/1.1 200 OK"
    assert [one.path for one in fake.seen] == ["/api/v1/query"]


async def test_a_body_that_does_not_come_is_given_up() -> None:
    async with gateway([FakePrometheus()], limits=config.Limits(read_seconds=0.05)) as harness:
        harness.policies.grant("shop", "up")
        head = b"POST /api/v1/query HTTP/1.1\r\nHost: x\r\nX-Tenant-Namespace: shop\r\n"
        head += b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 8\r\n\r\n"
        first, _, body = await exchanged(harness, head + b"query")

    assert first == b"HTTP/1.1 408 Request Timeout"
    assert b"read_seconds (0.05)" in body


async def test_another_method_is_told_which_ones_there_are() -> None:
    async with gateway([FakePrometheus()]) as harness:
        answer = await harness.client.delete("/api/v1/query")

        assert (answer.status, answer.headers["Allow"]) == (405, "GET,POST")
        assert (await answer.json())["error"] == "the endpoint does not take this method"
        assert answer.headers["X-Request-Id"]
