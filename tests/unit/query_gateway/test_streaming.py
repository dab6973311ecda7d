"""An answer that is passed on ends where the backend's does, or is seen not to."""

import contextlib
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from query_gateway.answers import NotAnAnswer, Violation
from query_gateway.failures import Failure
from query_gateway.metrics import Metrics
from query_gateway.streaming import Streaming


@contextlib.asynccontextmanager
async def served(
    chunks: AsyncIterator[bytes], raised: list[Exception], *, most: int = 100
) -> AsyncIterator[tuple[TestClient[web.Request, web.Application], CollectorRegistry]]:
    """Serve one answer, and keep what passing it on raised."""
    registry = CollectorRegistry()
    streaming = Streaming(Metrics(registry), stall_seconds=5)

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await streaming.send(request, "query", chunks, content_type="text/x", most=most)
        except Exception as error:
            raised.append(error)
            return web.Response(status=500)

    app = web.Application()
    app.router.add_get("/", handle)
    async with TestClient(TestServer(app)) as client:
        yield client, registry


async def parts(*given: bytes | Exception) -> AsyncIterator[bytes]:
    for one in given:
        if isinstance(one, Exception):
            raise one
        yield one


def broken_off(registry: CollectorRegistry) -> float | None:
    return registry.get_sample_value(
        "tenantry_query_gateway_broken_off_total", {"endpoint": "query"}
    )


@pytest.mark.parametrize("given", [(), (b"a",), (b"a", b"b")])
async def test_an_answer_is_passed_on(given: tuple[bytes, ...]) -> None:
    async with served(parts(*given), []) as (client, registry):
        answer = await client.get("/")

        assert (answer.status, answer.content_type) == (200, "text/x")
        assert answer.headers["Cache-Control"] == "no-store"
        assert await answer.read() == b"".join(given)
        assert not broken_off(registry)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (Violation(), Violation),
        (NotAnAnswer(), Failure),
        (aiohttp.ClientPayloadError(), Failure),
        (TimeoutError(), Failure),
        (KeyError(), KeyError),
    ],
)
async def test_what_goes_wrong_before_the_first_chunk_can_still_be_answered(
    error: Exception, expected: type[Exception]
) -> None:
    raised: list[Exception] = []
    async with served(parts(error), raised) as (client, registry):
        assert (await client.get("/")).status == 500
        assert not broken_off(registry)

    assert [type(one) for one in raised] == [expected]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (Violation(), [Violation]),
        (NotAnAnswer(), []),
        (aiohttp.ClientPayloadError(), []),
        (TimeoutError(), []),
        (b"x" * 100, []),
    ],
    ids=["violation", "no answer", "broken", "stalled", "too long"],
)
async def test_what_goes_wrong_later_breaks_the_answer_off(
    error: Exception | bytes, expected: list[type[Exception]]
) -> None:
    raised: list[Exception] = []
    async with served(parts(b"a", error), raised) as (client, registry):
        answer = await client.get("/")
        with pytest.raises(aiohttp.ClientPayloadError):
            await answer.read()
        assert broken_off(registry) == 1

    assert [type(one) for one in raised] == expected
