"""Backends are asked one after the other, with nothing but what was built for them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry

from query_gateway import config, upstream
from query_gateway.answers import NotAnAnswer
from query_gateway.calls import Call
from query_gateway.failures import Failure
from query_gateway.metrics import Metrics
from query_gateway.testing import (
    EMPTY_VECTOR,
    Answer,
    FakePrometheus,
    Seen,
    error_answer,
    json_answer,
)
from query_gateway.tracing import PassOn
from query_gateway.upstream import Upstream

POST = Call(method="POST", path="/api/v1/query", form=(("query", 'up{a="b&c"}'), ("time", "1")))
GET = Call(method="GET", path="/api/v1/label/U__a_2e_/values", form=(("match[]", "a b"),))


@contextlib.asynccontextmanager
async def client(
    *fakes: FakePrometheus, settings: config.Upstream | None = None
) -> AsyncIterator[tuple[Upstream, CollectorRegistry]]:
    registry = CollectorRegistry()
    chosen = settings or config.Upstream()
    async with contextlib.AsyncExitStack() as stack:
        for fake in fakes:
            await stack.enter_async_context(fake.server)
        pool = await stack.enter_async_context(upstream.pool(chosen))
        yield Upstream(pool, chosen, Metrics(registry), PassOn()), registry


async def body(asked: Upstream, call: Call, *fakes: FakePrometheus) -> bytes:
    """Return a streamed answer as a whole."""
    async with asked.stream([fake.backend() for fake in fakes], call) as answer:
        return b"".join([chunk async for chunk in answer.chunks()])


def count(registry: CollectorRegistry, backend: str, status: str) -> float | None:
    return registry.get_sample_value(
        "tenantry_query_gateway_upstream_requests_total", {"backend": backend, "status": status}
    )


@pytest.mark.parametrize(
    ("call", "seen"),
    [
        pytest.param(
            POST,
            Seen("POST", "/api/v1/query", (("query", 'up{a="b&c"}'), ("time", "1")), {}),
            id="in a body",
        ),
        pytest.param(
            GET,
            Seen("GET", "/api/v1/label/U__a_2e_/values", (("match[]", "a b"),), {}),
            id="in the URL",
        ),
    ],
)
async def test_a_call_reaches_the_backend_as_it_was_built(call: Call, seen: Seen) -> None:
    fake = FakePrometheus()

    async with client(fake) as (asked, _):
        assert b'"success"' in await body(asked, call, fake)

    assert fake.seen == [seen]


async def test_a_backends_path_is_kept() -> None:
    fake = FakePrometheus()

    async with client(fake) as (asked, _):
        backend = fake.backend(url=f"{fake.backend().url}/prometheus")
        async with asked.stream([backend], POST):
            pass

    assert [seen.path for seen in fake.seen] == ["/prometheus/api/v1/query"]


async def test_headers_are_made_from_scratch() -> None:
    fake = FakePrometheus()

    async with client(fake) as (asked, _):
        await body(asked, POST, fake)

    assert set(fake.seen[0].headers) == {
        "Host",
        "Accept",
        "Accept-Encoding",
        "User-Agent",
        "Content-Length",
        "Content-Type",
    }
    assert fake.seen[0].headers["Accept-Encoding"] == "identity"


async def test_a_backends_cookies_are_forgotten() -> None:
    async def answer(_: web.Request) -> web.StreamResponse:
        response = web.json_response({"status": "success"})
        response.set_cookie("session", "tenant-a")
        return response

    fake = FakePrometheus(answer=answer)
    async with client(fake) as (asked, _):
        await body(asked, POST, fake)
        await body(asked, POST, fake)

    assert "Cookie" not in fake.seen[1].headers


async def _html(_: web.Request) -> web.StreamResponse:
    return web.Response(text="<html>", content_type="text/html")


async def _gzip(_: web.Request) -> web.StreamResponse:
    headers = {"Content-Encoding": "gzip"}
    return web.Response(body=b"\x1f\x8b", content_type="application/json", headers=headers)


async def _redirect(_: web.Request) -> web.StreamResponse:
    raise web.HTTPFound("/elsewhere")


async def _hang_up(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _cut(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    response.content_type = "application/json"
    response.content_length = 100
    await response.prepare(request)
    if request.transport is not None:
        request.transport.abort()
    return response


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(error_answer(500, "internal", "broken"), id="500"),
        pytest.param(error_answer(503, "unavailable", "TSDB not ready"), id="503"),
        pytest.param(_html, id="not JSON"),
        pytest.param(_gzip, id="compressed although nobody asked"),
        pytest.param(_redirect, id="redirect"),
        pytest.param(_hang_up, id="hangs up"),
        pytest.param(_cut, id="breaks off before its first byte"),
    ],
)
async def test_another_replica_is_asked(answer: Answer) -> None:
    broken, good = FakePrometheus("broken", answer), FakePrometheus("good")

    async with client(broken, good) as (asked, registry):
        assert b'"success"' in await body(asked, POST, broken, good)

    assert len(good.seen) == 1
    assert (count(registry, "broken", "failed"), count(registry, "good", "200")) == (1, 1)
    assert "/elsewhere" not in {seen.path for seen in broken.seen}


async def test_a_closed_port_costs_a_replica_only() -> None:
    closed, good = FakePrometheus("closed"), FakePrometheus("good")
    async with client(closed, good) as (asked, _):
        candidates = [closed.backend(), good.backend()]
        await closed.server.close()

        async with asked.stream(candidates, POST) as answer:
            assert [chunk async for chunk in answer.chunks()] != []


async def test_without_any_answer_the_backends_are_not_available() -> None:
    broken = FakePrometheus("broken", _hang_up)

    async with client(broken) as (asked, _):
        with pytest.raises(Failure) as raised:
            await body(asked, POST, broken)

    assert (raised.value.status, raised.value.error_type) == (503, "unavailable")


async def test_a_connection_is_used_again() -> None:
    peers = set()

    async def answer(request: web.Request) -> web.StreamResponse:
        peers.add(request.transport and request.transport.get_extra_info("peername"))
        return await EMPTY_VECTOR(request)

    fake = FakePrometheus(answer=answer)
    async with client(fake) as (asked, _):
        await body(asked, POST, fake)
        await asked.ask([fake.backend()], [POST, GET], 1000, list)
        await body(asked, POST, fake)

    assert len(peers) == 1


async def test_a_connection_that_the_backend_had_closed_is_made_again() -> None:
    fake = FakePrometheus()
    calls = 0

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal calls
        calls += 1
        return await (_hang_up(request) if calls == 2 else EMPTY_VECTOR(request))

    fake.answer = answer
    async with client(fake) as (asked, registry):
        await body(asked, POST, fake)
        await body(asked, POST, fake)

    assert (calls, count(registry, "a", "failed")) == (3, None)


@pytest.mark.parametrize(
    ("status", "error_type"), [(400, "bad_data"), (422, "execution"), (503, "timeout")]
)
async def test_an_error_of_the_query_is_final(status: int, error_type: str) -> None:
    one = FakePrometheus("one", error_answer(status, error_type, 'up{namespace="secret"}'))
    other = FakePrometheus("other")

    async with client(one, other) as (asked, registry):
        with pytest.raises(Failure) as raised:
            await body(asked, POST, one, other)

    assert (raised.value.status, raised.value.error_type) == (status, error_type)
    assert "secret" not in raised.value.text
    assert (other.seen, count(registry, "one", str(status))) == ([], 1)


async def test_a_backend_that_does_not_begin_in_time_is_a_timeout() -> None:
    asked_for, go = asyncio.Event(), asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        asked_for.set()
        await go.wait()
        return web.Response()

    fake = FakePrometheus(answer=answer)
    async with client(fake, settings=config.Upstream(timeout_seconds=0.05)) as (asked, _):
        with pytest.raises(Failure) as raised:
            await body(asked, POST, fake)
        go.set()

    assert (raised.value.status, raised.value.error_type) == (503, "timeout")
    assert "upstream.timeout_seconds" in raised.value.text


async def test_a_backend_that_stalls_in_the_middle_is_given_up() -> None:
    go = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_type = "application/json"
        await response.prepare(request)
        await response.write(b'{"status"')
        await go.wait()
        return response

    fake = FakePrometheus(answer=answer)
    async with client(fake, settings=config.Upstream(stall_seconds=0.05)) as (asked, _):
        with pytest.raises(TimeoutError):
            await body(asked, POST, fake)
        go.set()


async def test_all_pieces_of_a_query_come_from_one_backend() -> None:
    count_one = 0

    async def second_fails(request: web.Request) -> web.StreamResponse:
        nonlocal count_one
        count_one += 1
        return await (EMPTY_VECTOR if count_one == 1 else error_answer(500, "internal", ""))(
            request
        )

    one, other = FakePrometheus("one", second_fails), FakePrometheus("other", json_answer("other"))
    async with client(one, other) as (asked, _):
        bodies = await asked.ask([one.backend(), other.backend()], [POST, GET], 1000, list)

    assert bodies == [b'{"status":"success","data":"other"}'] * 2


async def test_an_answer_that_is_not_one_is_asked_of_another_backend() -> None:
    def read(bodies: list[bytes]) -> bytes:
        if bodies != [b'{"status":"success","data":"good"}']:
            raise NotAnAnswer
        return bodies[0]

    one = FakePrometheus("one", json_answer("bad"))
    other = FakePrometheus("other", json_answer("good"))
    async with client(one, other) as (asked, _):
        found = await asked.ask([one.backend(), other.backend()], [POST], 1000, read)

    assert b"good" in found


@pytest.mark.parametrize(
    ("calls", "most"),
    [
        pytest.param((POST,), 500, id="of one"),
        pytest.param((POST, GET), 1500, id="of all together"),
    ],
)
async def test_whole_answers_have_a_largest_size(calls: tuple[Call, ...], most: int) -> None:
    fake = FakePrometheus(answer=json_answer("x" * 1000))

    async with client(fake) as (asked, _):
        with pytest.raises(Failure, match=rf"buffered_bytes \({most}\)") as raised:
            await asked.ask([fake.backend()], calls, most, list)

    assert raised.value.kind == "limit"


async def test_a_large_answer_is_read_as_a_small_one() -> None:
    fake = FakePrometheus(answer=json_answer("x" * 2_000_000))

    async with client(fake) as (asked, _):
        sizes = await asked.ask([fake.backend()], [POST], 1 << 30, lambda found: len(found[0]))

    assert sizes > 2_000_000


async def test_leaving_early_ends_the_request_at_the_backend() -> None:
    ended = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_type = "application/json"
        await response.prepare(request)
        try:
            await response.write(b"{")
            await asyncio.Event().wait()
        finally:
            ended.set()
        return response

    fake = FakePrometheus(answer=answer)
    async with client(fake) as (asked, _):
        async with asked.stream([fake.backend()], POST):
            assert not ended.is_set()
        await asyncio.wait_for(ended.wait(), 5)


async def test_a_backend_that_takes_long_is_overtaken_and_its_request_ends() -> None:
    gone = asyncio.Event()

    async def hang(_: web.Request) -> web.StreamResponse:
        try:
            await asyncio.Event().wait()
        finally:
            gone.set()
        raise AssertionError

    slow, quick = FakePrometheus("slow", hang), FakePrometheus("quick")
    settings = config.Upstream(hedge_seconds=0.05)
    async with asyncio.timeout(20), client(slow, quick, settings=settings) as (asked, registry):
        assert b'"success"' in await body(asked, POST, slow, quick)
        await gone.wait()

    assert count(registry, "slow", "failed") == 1


async def test_a_process_that_discovery_has_not_seen_is_not_asked() -> None:
    asked_of_new: list[str] = []

    def started(text: str) -> Answer:
        async def answer(request: web.Request) -> web.StreamResponse:
            if request.path.endswith("runtimeinfo"):
                return web.json_response({"status": "success", "data": {"startTime": text}})
            if text == "now":
                asked_of_new.append(request.path)
            return await EMPTY_VECTOR(request)

        return answer

    new, old = FakePrometheus("new", started("now")), FakePrometheus("old", started("then"))
    async with client(new, old) as (asked, registry):
        known = [fake.backend(started="then") for fake in (new, old)]
        assert b'"success"' in await asked.ask(known, [POST], 1000, lambda bodies: bodies[0])

    assert asked_of_new == []
    assert count(registry, "new", "failed") == 1
