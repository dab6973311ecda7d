"""Whatever a source does comes back as a value, within bounds."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from collector.pull import Answer, Failed, Outcome, Puller, TooLarge
from collector.testing import backend
from tenantry_common import remote_read, snappy_block
from tenantry_common.contracts import Matcher
from tenantry_common.remote_read import Query

type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

QUERIES = (Query(matchers=(Matcher("a", "=~", "b"),), start_ms=1, end_ms=2),)
SNAPPY = {"Content-Encoding": "snappy"}


@asynccontextmanager
async def source(handler: Handler) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/prefix/api/v1/read", handler)
    async with TestServer(app) as server:
        yield str(server.make_url("/prefix"))


async def read(url: str, *, max_bytes: int = 1000, timeout: float = 5) -> Outcome:
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        puller = Puller(session, timeout=timeout, max_bytes=max_bytes, per_source=2)
        return await puller.read(backend(url), QUERIES)


def answering(body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Handler:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(
            body=body, status=status, headers=SNAPPY if headers is None else headers
        )

    return handler


async def test_request_is_a_snappy_block_of_the_queries() -> None:
    reached = []

    async def handler(request: web.Request) -> web.Response:
        body = snappy_block.decompress(await request.read(), limit=1000)
        reached.append(
            (body, request.headers["Content-Encoding"], request.headers["Accept-Encoding"])
        )
        return web.Response(body=snappy_block.compress(b"answer"), headers=SNAPPY)

    async with source(handler) as url:
        outcome = await read(url)

    assert outcome == Answer(b"answer")
    assert reached == [(remote_read.encode_request(QUERIES), "snappy", "identity")]


@pytest.mark.parametrize(
    ("handler", "expected"),
    [
        pytest.param(
            answering(snappy_block.compress(b"x" * 1001)),
            TooLarge("answer of more than 1000 bytes"),
            id="too large after decompression",
        ),
        pytest.param(
            answering(b"y" * 1001),
            TooLarge("answer of more than 1000 bytes"),
            id="too large before",
        ),
        pytest.param(
            answering(b"exceeded sample limit (50000000)\n", 400, {}),
            TooLarge("source: exceeded sample limit (50000000)"),
            id="the source's own limit",
        ),
        pytest.param(
            answering(b"no\nmore", 503, {}), Failed("HTTP 503: no"), id="error, by its first line"
        ),
        pytest.param(
            answering(b"", 302, {"Location": "/elsewhere"}),
            Failed("HTTP 302: "),
            id="redirects are not followed",
        ),
        pytest.param(
            answering(b"<html>", 200, {}),
            Failed("the answer is not a snappy block: is this a Prometheus server?"),
            id="something else",
        ),
        pytest.param(
            answering(b""), Failed("broken answer: not a snappy block: no size"), id="nothing"
        ),
    ],
)
async def test_outcome(handler: Handler, expected: Outcome) -> None:
    async with source(handler) as url:
        assert await read(url) == expected


async def test_broken_block_is_a_failure() -> None:
    async with source(answering(b"\x05hello")) as url:
        outcome = await read(url)

    assert isinstance(outcome, Failed)
    assert outcome.reason.startswith("broken answer: not a snappy block")


async def test_source_that_does_not_listen_is_a_failure() -> None:
    outcome = await read(f"http://127.0.0.1:{unused_port()}")

    assert isinstance(outcome, Failed)
    assert outcome.reason.startswith("ClientConnectorError: ")


async def test_source_that_does_not_answer_in_time_is_a_failure() -> None:
    hold = asyncio.Event()

    async def handler(_: web.Request) -> web.Response:
        await hold.wait()
        return web.Response()

    async with source(handler) as url:
        outcome = await read(url, timeout=0.1)
        hold.set()

    assert outcome == Failed("no answer within 0.1 s")


async def test_source_that_hangs_up_is_a_failure() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={**SNAPPY, "Content-Length": "100"})
        await response.prepare(request)
        await response.write(b"x")
        if request.transport is not None:
            request.transport.close()
        return response

    async with source(handler) as url:
        outcome = await read(url)

    assert isinstance(outcome, Failed)


async def test_no_source_gets_more_requests_at_a_time_than_it_may() -> None:
    running = most = 0
    full = asyncio.Event()
    hold = asyncio.Event()

    async def handler(_: web.Request) -> web.Response:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == 2:
            full.set()
        await hold.wait()
        running -= 1
        return web.Response(body=snappy_block.compress(b""), headers=SNAPPY)

    async with (
        source(handler) as url,
        aiohttp.ClientSession(auto_decompress=False) as session,
        asyncio.TaskGroup() as group,
    ):
        puller = Puller(session, timeout=5, max_bytes=1000, per_source=2)
        tasks = [group.create_task(puller.read(backend(url), QUERIES)) for _ in range(6)]
        await asyncio.wait_for(full.wait(), 5)
        hold.set()
        outcomes = [await task for task in tasks]

    assert most == 2
    assert outcomes == [Answer(b"")] * 6
