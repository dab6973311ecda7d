"""A lane answers what is plain, one request at a time, and gives everything else away untouched."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

import pytest
from prometheus_client import CollectorRegistry

from query_gateway import config, responses
from query_gateway.audit import Audit
from query_gateway.endpoints import Endpoint
from query_gateway.front import Front
from query_gateway.inbound import door
from query_gateway.inbound.lane import Lane, Shared
from query_gateway.inbound.request import Request
from query_gateway.metrics import Metrics
from query_gateway.responses import Reply
from query_gateway.tracing import PassOn

HEAD = b"POST /api/v1/query HTTP/1.1\r\nHost: x\r\nX-Tenant-Namespace: shop\r\n"
FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"
PLAIN = HEAD + FORM + b"Content-Length: 8\r\n\r\nquery=up"
DONE = b'{"status":"success"}'


class Transport(asyncio.Transport):
    """Keeps what is written; reads and closes when it is told to."""

    def __init__(self) -> None:
        super().__init__({"peername": ("10.0.0.1", 1234)})
        self.protocol: asyncio.BaseProtocol | None = None
        self.written = b""
        self.reading = True
        self.closed = False
        self.aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        for data in list_of_data:
            self.write(data)

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = self.aborted = True

    def is_closing(self) -> bool:
        return self.closed

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol


@dataclass
class Aiohttp(asyncio.Protocol):
    """What aiohttp would get."""

    transport: asyncio.BaseTransport | None = None
    received: bytes = b""
    taken: asyncio.Event = field(default_factory=asyncio.Event)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        self.taken.set()


async def done(_: Request) -> Reply | None:
    return responses.success(DONE)


@dataclass
class Rig:
    """A lane on a connection without a network."""

    answer: Callable[[Request], Awaitable[Reply | None]] = done
    asked: list[tuple[str, str | None, bytes]] = field(default_factory=list)
    entered: list[Lane] = field(default_factory=list)
    left: list[Lane] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.front = Front(
            metrics=Metrics(CollectorRegistry()),
            audit=Audit(config.Audit()),
            tracing=PassOn(),
            knows=lambda _: False,
        )
        self.aiohttp = Aiohttp()
        self.transport = Transport()
        self.lane = Lane(
            Shared(
                find=door.find,
                front=self.front,
                answer=self._answer,
                aiohttp=lambda: self.aiohttp,
                most=1000,
                enter=self.entered.append,
                leave=self.left.append,
            )
        )
        self.lane.connection_made(self.transport)

    async def _answer(self, endpoint: Endpoint, request: Request) -> Reply | None:
        self.asked.append((endpoint.name, request.tenant, await request.body("")))
        return await self.answer(request)

    def send(self, *parts: bytes) -> None:
        for part in parts:
            self.lane.data_received(part)

    @property
    def answers(self) -> list[bytes]:
        """The bodies that were sent."""
        return [
            part.rpartition(b"\r\n\r\n")[2]
            for part in self.transport.written.split(b"HTTP/1.1 ")[1:]
        ]


async def soon() -> None:
    """Let everything that can go on do so."""
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.mark.parametrize("cut", [0, 1, 20, 40, len(PLAIN) - 9, len(PLAIN) - 8, len(PLAIN) - 1])
async def test_a_plain_request_is_answered_however_it_comes(cut: int) -> None:
    rig = Rig()
    rig.send(*(part for part in (PLAIN[:cut], PLAIN[cut:]) if part))
    if rig.aiohttp.received:  # cut where nothing can be told of it
        assert cut < len(b"POST /")
        return

    assert rig.asked == [("query", None, b"query=up")]
    assert rig.answers == [DONE]
    assert not rig.transport.closed


async def test_the_answer_is_complete_and_bears_its_id() -> None:
    rig = Rig()
    rig.send(PLAIN.replace(b"Host", b"X-Request-Id: abc\r\nHost"))

    head, _, body = rig.transport.written.partition(b"\r\n\r\n")
    fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert body == DONE
    assert fields.pop(b"Date").endswith(b" GMT")
    assert fields == {
        b"Cache-Control": b"no-store",
        b"X-Content-Type-Options": b"nosniff",
        b"Server": b"tenantry",
        b"Content-Type": b"application/json",
        b"Content-Length": b"%d" % len(DONE),
        b"X-Request-Id": b"abc",
    }


async def test_requests_are_answered_one_after_the_other() -> None:
    rig = Rig()
    rig.send(PLAIN, PLAIN.replace(b"up", b"ab"), b"GET /api/v1/labels HTTP/1.1\r\nHost: x\r\n\r\n")

    assert [(name, body) for name, _, body in rig.asked] == [
        ("query", b"query=up"),
        ("query", b"query=ab"),
        ("labels", b""),
    ]


async def test_a_tenant_in_the_path_is_found() -> None:
    rig = Rig()
    rig.send(PLAIN.replace(b"/api", b"/tenants/shop/api"))

    assert rig.asked == [("query", "shop", b"query=up")]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n", id="no endpoint"),
        pytest.param(PLAIN.replace(b"/query", b"/%71uery"), id="an escaped path"),
        pytest.param(PLAIN.replace(b"/api", b"/tenants/sh%6fp/api"), id="an escaped tenant"),
        pytest.param(PLAIN.replace(b"/api", b"/tenants//api"), id="an empty tenant"),
        pytest.param(PLAIN.replace(b"/query", b"/read"), id="not a form"),
        pytest.param(PLAIN.replace(b"Host", b"Transfer-Encoding: chunked\r\nHost"), id="chunks"),
        pytest.param(PLAIN + PLAIN, id="two requests"),
        pytest.param(PLAIN + b"G", id="more than a request"),
        pytest.param(HEAD + FORM + b"Content-Length: 1001\r\n\r\n", id="a long body"),
        pytest.param(
            b"GET /api/v1/query?query=" + b"a" * 1000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
            id="a long query",
        ),
        pytest.param(b"nonsense\r\n\r\n", id="nonsense"),
        pytest.param(b"\x16\x03\x01", id="TLS"),
    ],
)
async def test_what_is_not_plain_is_given_to_aiohttp_as_it_came(data: bytes) -> None:
    rig = Rig()
    rig.send(data)

    assert (rig.asked, rig.transport.written) == ([], b"")
    assert rig.aiohttp.received == data
    assert rig.transport.protocol is rig.aiohttp
    assert rig.aiohttp.transport is rig.transport
    assert rig.left == [rig.lane]


async def test_aiohttp_takes_over_after_plain_requests_too() -> None:
    rig = Rig()
    rig.send(PLAIN, b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n")

    assert rig.answers == [DONE]
    assert rig.aiohttp.received == b"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n"


async def test_what_does_not_come_is_left_to_aiohttp(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("query_gateway.inbound.lane._PATIENCE", 0.01)
    rig = Rig()
    rig.send(PLAIN[:-1])
    await asyncio.wait_for(rig.aiohttp.taken.wait(), 5)

    assert rig.aiohttp.received == PLAIN[:-1]


async def test_what_comes_meanwhile_waits_for_its_turn() -> None:
    turn = asyncio.Event()

    async def wait(_: Request) -> Reply:
        await turn.wait()
        return responses.success(DONE)

    rig = Rig(wait)
    rig.send(PLAIN, PLAIN)
    assert (len(rig.asked), rig.transport.reading) == (1, False)

    turn.set()
    await soon()
    assert rig.transport.reading
    assert (len(rig.asked), rig.answers) == (2, [DONE, DONE])


async def test_an_answer_in_pieces_of_unknown_length_comes_in_chunks() -> None:
    async def stream(request: Request) -> None:
        await request.begin({"Content-Type": "a/b"}, None)
        await request.write(b"x" * 16)
        await request.write(b"y")
        await request.end()

    rig = Rig(stream)
    rig.send(PLAIN)

    head, _, body = rig.transport.written.partition(b"\r\n\r\n")
    assert b"\r\nTransfer-Encoding: chunked\r\n" in head
    assert b"Content-Length" not in head
    assert body == b"10\r\n" + b"x" * 16 + b"\r\n1\r\ny\r\n0\r\n\r\n"


async def test_an_answer_in_pieces_of_known_length_comes_as_it_is() -> None:
    async def stream(request: Request) -> None:
        await request.begin({}, 3)
        await request.write(b"ab")
        await request.write(b"c")
        await request.end()

    rig = Rig(stream)
    rig.send(PLAIN)

    head, _, body = rig.transport.written.partition(b"\r\n\r\n")
    assert b"\r\nContent-Length: 3\r\n" in head
    assert b"Transfer-Encoding" not in head
    assert body == b"abc"


async def test_an_answer_waits_for_a_client_that_is_behind() -> None:
    written = 0

    async def stream(request: Request) -> None:
        nonlocal written
        await request.begin({}, None)
        for _ in range(3):
            await request.write(b"x")
            written += 1
        await request.end()

    rig = Rig(stream)
    rig.lane.pause_writing()
    rig.send(PLAIN)
    await soon()
    assert written == 0

    rig.lane.resume_writing()
    await soon()
    assert written == 3


async def test_nothing_is_answered_before_the_last_answer_was_taken() -> None:
    rig = Rig()
    rig.lane.pause_writing()
    rig.send(PLAIN, PLAIN)
    await soon()
    assert len(rig.asked) == 1

    rig.lane.resume_writing()
    await soon()
    assert len(rig.asked) == 2


async def test_a_client_that_goes_away_ends_its_request() -> None:
    ended = asyncio.Event()

    async def wait(_: Request) -> Reply:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        raise AssertionError

    rig = Rig(wait)
    rig.send(PLAIN)
    rig.lane.connection_lost(None)
    await asyncio.wait_for(ended.wait(), 5)

    assert rig.left == [rig.lane]


async def test_an_answer_that_is_aborted_ends_the_connection() -> None:
    async def abort(request: Request) -> None:
        await request.begin({}, None)
        request.abort()

    rig = Rig(abort)
    rig.send(PLAIN)

    assert rig.transport.aborted


async def test_a_failure_has_its_envelope_and_the_connection_goes_on() -> None:
    async def fail(_: Request) -> Reply:
        raise KeyError

    rig = Rig(fail)
    rig.send(PLAIN)

    assert rig.transport.written.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert b"internal error of the gateway" in rig.answers[0]
    assert not rig.transport.closed


async def test_while_draining_connections_end_after_their_answer() -> None:
    rig = Rig()
    rig.front.draining = True
    rig.send(PLAIN)

    assert b"\r\nConnection: close\r\n" in rig.transport.written
    assert rig.transport.closed


async def test_an_idle_connection_is_closed_at_once() -> None:
    rig = Rig()
    rig.send(PLAIN)
    rig.lane.close()

    assert rig.transport.closed
    assert not rig.transport.aborted


async def test_shutdown_waits_for_the_running_request() -> None:
    turn = asyncio.Event()

    async def wait(_: Request) -> Reply:
        await turn.wait()
        return responses.success(DONE)

    rig = Rig(wait)
    rig.send(PLAIN)
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(rig.lane.shutdown(5), name="shutdown")
        await soon()
        assert (rig.answers, rig.transport.closed) == ([], False)

        turn.set()
        await soon()
        assert (rig.answers, rig.transport.closed) == ([DONE], True)
        rig.lane.connection_lost(None)

    assert not rig.transport.aborted


async def test_nobody_can_make_us_wait_for_a_farewell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("query_gateway.inbound.lane._FAREWELL_SECONDS", 0.01)
    rig = Rig()
    rig.send(PLAIN)
    await rig.lane.shutdown(60)  # its client does not close

    assert rig.transport.aborted


async def test_shutdown_ends_what_takes_too_long() -> None:
    async def wait(_: Request) -> Reply:
        await asyncio.Event().wait()
        raise AssertionError

    rig = Rig(wait)
    rig.send(PLAIN)
    await rig.lane.shutdown(0.01)

    assert rig.transport.aborted
    rig.lane.connection_lost(None)
