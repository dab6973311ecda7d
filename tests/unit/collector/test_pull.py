"""Whatever a source does comes back as a value, within bounds."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from collector.pull import Answer, Failed, Outcome, Puller, TooLarge, Way
from collector.testing import backend
from tenantry_common import remote_read, remote_write, snappy_block
from tenantry_common.backend_access import Keyring, Profile
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
            TooLarge("answer of more than 1000 bytes", 1001),
            id="too large after decompression",
        ),
        pytest.param(
            answering(b"\x01" + b"y" * 1001),
            TooLarge("answer of more than 1000 bytes", 1),
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


@asynccontextmanager
async def closed_source(status: int, query: Handler) -> AsyncIterator[tuple[str, list[str]]]:
    """A source that refuses remote read with `status` and serves queries; and what was asked."""
    asked: list[str] = []
    reads = answering(b"nothing here\n", status, {})

    async def read_handler(request: web.Request) -> web.StreamResponse:
        asked.append("read")
        return await reads(request)

    async def query_handler(request: web.Request) -> web.StreamResponse:
        form = await request.post()
        asked.append(" at ".join(str(form[name]) for name in ("query", "time")))
        return await query(request)

    app = web.Application()
    app.router.add_post("/api/v1/read", read_handler)
    app.router.add_post("/api/v1/query", query_handler)
    async with TestServer(app) as server:
        yield str(server.make_url("")), asked


SERIES = '{"metric":{"a":"b"},"values":[[0.002,"0"]]}'


def matrix(series: str = "") -> bytes:
    return f'{{"status":"success","data":{{"resultType":"matrix","result":[{series}]}}}}'.encode()


@pytest.mark.parametrize("status", [403, 404, 405])
async def test_where_remote_read_is_closed_ranges_are_queried_and_it_is_tried_again_later(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    now = 0.0
    async with (
        closed_source(status, answering(matrix(SERIES), 200, {})) as (url, asked),
        aiohttp.ClientSession(auto_decompress=False) as session,
    ):
        puller = Puller(session, timeout=5, max_bytes=1000, per_source=2, now=lambda: now)
        outcomes = [await puller.read(backend(url), QUERIES) for _ in range(3)]
        now = 61.0
        await puller.read(backend(url), QUERIES)

    query = '{a=~"b"}[2ms] at 0.002'
    assert asked == ["read", query, query, query, "read", query]
    assert all(isinstance(one, Answer) and one.lossy for one in outcomes)
    [answer] = {one.data for one in outcomes if isinstance(one, Answer)}
    [span] = remote_read.series(answer)
    assert remote_write.series_labels(answer, span) == {"a": "b"}
    assert [record.getMessage() for record in caplog.records] == [
        "remote read is closed, asking by JSON: stale markers and histograms are lost"
    ]


@pytest.mark.parametrize(
    ("way", "expected"),
    [
        pytest.param("remote_read", ["read"], id="remote read or nothing"),
        pytest.param("json", ['{a=~"b"}[2ms] at 0.002'], id="never by remote read"),
    ],
)
async def test_the_way_may_be_fixed(way: Way, expected: list[str]) -> None:
    async with (
        closed_source(404, answering(matrix(), 200, {})) as (url, asked),
        aiohttp.ClientSession(auto_decompress=False) as session,
    ):
        puller = Puller(session, timeout=5, max_bytes=1000, per_source=2, way=way)
        outcome = await puller.read(backend(url), QUERIES)

    assert asked == expected
    assert isinstance(outcome, Failed if way == "remote_read" else Answer)


@pytest.mark.parametrize(
    ("handler", "expected"),
    [
        pytest.param(answering(b"down", 503, {}), Failed("HTTP 503: down"), id="error"),
        pytest.param(
            answering(b"query processing would load too many samples into memory", 422, {}),
            TooLarge("source: query processing would load too many samples into memory"),
            id="the source's own limit",
        ),
        pytest.param(
            answering(matrix() + b" " * 1000, 200, {}),
            TooLarge("answer of more than 1000 bytes"),
            id="too large",
        ),
    ],
)
async def test_outcome_of_a_range_query(handler: Handler, expected: Outcome) -> None:
    async with (
        closed_source(404, handler) as (url, _),
        aiohttp.ClientSession(auto_decompress=False) as session,
    ):
        puller = Puller(session, timeout=5, max_bytes=1000, per_source=2)

        assert await puller.read(backend(url), QUERIES) == expected


async def test_garbage_instead_of_a_matrix_is_a_failure() -> None:
    async with (
        closed_source(404, answering(b"<html>", 200, {})) as (url, _),
        aiohttp.ClientSession(auto_decompress=False) as session,
    ):
        outcome = await Puller(session, timeout=5, max_bytes=1000, per_source=2).read(
            backend(url), QUERIES
        )

    assert isinstance(outcome, Failed)
    assert outcome.reason.startswith("broken answer: not an answer with a matrix")


async def test_everything_is_queried_by_names_because_promql_refuses_an_empty_selector() -> None:
    everything = (Query(matchers=(Matcher("__name__", "=~", ".*"),), start_ms=1, end_ms=2),)
    async with (
        closed_source(404, answering(matrix(), 200, {})) as (url, asked),
        aiohttp.ClientSession(auto_decompress=False) as session,
    ):
        await Puller(session, timeout=5, max_bytes=1000, per_source=2).read(
            backend(url), everything
        )

    assert asked[-1] == '{__name__=~".*",__name__!=""}[2ms] at 0.002'


@asynccontextmanager
async def names_source(handler: Handler) -> AsyncIterator[tuple[str, list[list[str]]]]:
    asked: list[list[str]] = []

    async def names(request: web.Request) -> web.StreamResponse:
        asked.append(request.query.getall("match[]", []))
        return await handler(request)

    app = web.Application()
    app.router.add_get("/api/v1/label/__name__/values", names)
    async with TestServer(app) as server:
        yield str(server.make_url("")), asked


async def test_metric_names_are_asked_for_in_as_many_requests_as_urls_allow() -> None:
    queries = [
        Query(matchers=(Matcher("a", "=", f"{n:0500}"),), start_ms=1, end_ms=2) for n in range(30)
    ]
    async with (
        names_source(answering(b'{"status":"success","data":["x","y"]}', 200, {})) as (url, asked),
        aiohttp.ClientSession(auto_decompress=False) as session,
    ):
        puller = Puller(session, timeout=5, max_bytes=1000, per_source=2)
        names = await puller.metric_names(backend(url), queries)
        await puller.metric_names(
            backend(url), [*queries, Query(matchers=(), start_ms=1, end_ms=2)]
        )

    assert names == frozenset({"x", "y"})
    # An open selector may not be asked for: then all names are.
    assert asked.pop() == []
    assert [selector for group in asked for selector in group] == [
        f'{{a="{n:0500}"}}' for n in range(30)
    ]
    assert len(asked) == 3


@pytest.mark.parametrize(
    ("handler", "reason"),
    [
        pytest.param(answering(b"no", 404, {}), "metric names: HTTP 404: no", id="closed"),
        pytest.param(answering(b"<html>", 200, {}), "broken list of metric names", id="garbage"),
        pytest.param(answering(b" " * 1001, 200, {}), "the list of metric names", id="too long"),
    ],
)
async def test_metric_names_that_cannot_be_had(handler: Handler, reason: str) -> None:
    async with (
        names_source(handler) as (url, _),
        aiohttp.ClientSession(auto_decompress=False) as session,
    ):
        puller = Puller(session, timeout=5, max_bytes=1000, per_source=2)
        outcome = await puller.metric_names(backend(url), QUERIES)

    assert isinstance(outcome, Failed)
    assert outcome.reason.startswith(reason)


async def test_a_source_gets_the_credentials_of_its_profile_with_every_request(
    tmp_path: Path,
) -> None:
    reached = set()

    async def handler(request: web.Request) -> web.Response:
        reached.add((request.path, request.headers.get("Authorization")))
        if request.path.endswith("/read"):
            return web.Response(status=404)
        names = {"status": "success", "data": ["m"]}
        result = {"status": "success", "data": {"resultType": "matrix", "result": []}}
        return web.json_response(names if request.method == "GET" else result)

    (tmp_path / "token").write_text("t0k")
    profile = Profile(bearer_token_file=str(tmp_path / "token"), plain_http=True)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    async with (
        TestServer(app) as server,
        aiohttp.ClientSession(auto_decompress=False) as session,
    ):
        asked = msgspec.structs.replace(
            backend(str(server.make_url("")).rstrip("/")), access="infra"
        )
        keyring = Keyring({"infra": profile})
        puller = Puller(session, timeout=5, max_bytes=1000, per_source=2, keyring=keyring)
        await puller.read(asked, QUERIES)
        assert await puller.metric_names(asked, QUERIES) == frozenset({"m"})
        without = Puller(session, timeout=5, max_bytes=1000, per_source=2)
        assert await without.read(asked, QUERIES) == Failed(
            "access profile 'infra' is not configured here"
        )
        assert await without.metric_names(asked, QUERIES) == Failed(
            "metric names: access profile 'infra' is not configured here"
        )

    assert reached == {
        (path, "Bearer t0k")
        for path in ("/api/v1/read", "/api/v1/query", "/api/v1/label/__name__/values")
    }
