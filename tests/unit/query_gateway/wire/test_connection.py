"""A connection is for one request at a time, and ends with whatever is wrong with it."""

import asyncio
from collections.abc import Callable

import pytest

from query_gateway.wire.connection import Connection
from query_gateway.wire.errors import Broken, Stale

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"


class Transport(asyncio.Transport):
    """What the connection does with its socket."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []
        self.aborted = False
        self.paused = False
        self.on_abort: Callable[[], None] = lambda: None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent.append(bytes(data))

    def abort(self) -> None:
        self.aborted = True

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False


@pytest.fixture
def transport() -> Transport:
    return Transport()


@pytest.fixture
def connection(transport: Transport) -> Connection:
    made = Connection()
    made.connection_made(transport)
    return made


async def answered(connection: Connection, *pieces: bytes) -> bytes:
    """Ask, let the backend send `pieces`, and return the body."""
    async with asyncio.TaskGroup() as group:
        asked = group.create_task(connection.ask(b"request"))
        await asyncio.sleep(0)
        for piece in pieces:
            connection.data_received(piece)
        await asked
    body = b""
    while chunk := await connection.read():
        body += chunk
    return body


async def test_a_connection_is_used_again_after_a_whole_answer(
    connection: Connection, transport: Transport
) -> None:
    for _ in range(2):
        assert await answered(connection, HEAD, b"he", b"llo") == b"hello"
        assert connection.finish()

    assert (transport.sent, transport.aborted) == ([b"request"] * 2, False)


async def test_without_the_whole_answer_it_is_not(
    connection: Connection, transport: Transport
) -> None:
    asked = asyncio.ensure_future(connection.ask(b""))  # noqa: TID251 - awaited in the next line but one
    await asyncio.sleep(0)
    connection.data_received(HEAD + b"he")
    await asked

    assert not connection.finish()
    assert transport.aborted


async def test_an_answer_that_breaks_off_is_none(connection: Connection) -> None:
    task = asyncio.ensure_future(answered(connection, HEAD, b"he"))  # noqa: TID251 - awaited below
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    connection.connection_lost(None)

    with pytest.raises(Broken):
        await asyncio.wait_for(task, 30)


async def test_a_kept_connection_that_had_ended_is_stale(connection: Connection) -> None:
    await answered(connection, HEAD + b"hello")
    assert connection.finish()
    connection.connection_lost(None)

    assert not connection.open
    with pytest.raises(Stale):
        await connection.ask(b"")


async def test_one_that_ends_before_it_answered_its_second_request_is_stale(
    connection: Connection,
) -> None:
    await answered(connection, HEAD + b"hello")
    connection.finish()
    task = asyncio.ensure_future(connection.ask(b""))  # noqa: TID251 - awaited below
    await asyncio.sleep(0)
    connection.connection_lost(ConnectionResetError())

    with pytest.raises(Stale):
        await task


async def test_what_nobody_asked_for_ends_the_connection(
    connection: Connection, transport: Transport
) -> None:
    await answered(connection, HEAD + b"hello")
    assert connection.finish()

    connection.data_received(HEAD + b"other")

    assert transport.aborted
    assert not connection.open


async def test_what_comes_behind_an_answer_ends_the_connection(
    connection: Connection, transport: Transport
) -> None:
    assert await answered(connection, HEAD + b"hello", HEAD + b"other") == b"hello"

    assert not connection.finish()
    assert transport.aborted


async def test_what_is_not_http_ends_the_connection(
    connection: Connection, transport: Transport
) -> None:
    with pytest.raises(BaseExceptionGroup) as raised:
        await answered(connection, b"\x16\x03\x01")

    assert raised.group_contains(Broken)
    assert transport.aborted


async def test_a_backend_waits_for_a_slow_reader(
    connection: Connection, transport: Transport
) -> None:
    size = 1024 * 1024
    task = asyncio.ensure_future(connection.ask(b""))  # noqa: TID251 - awaited below
    await asyncio.sleep(0)
    connection.data_received(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
    await task
    connection.data_received(b"x" * (size // 2))
    assert transport.paused

    assert len(await connection.read()) == size // 2
    assert not transport.paused
    connection.data_received(b"x" * (size // 2))
    assert len(await connection.read()) == size // 2
    assert await connection.read() == b""
    assert connection.finish()
