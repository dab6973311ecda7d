"""Connections are kept while they are good, and never more than permitted; on real sockets."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import trustme

from query_gateway.wire.errors import Broken
from query_gateway.wire.pool import Greeting, Pool
from query_gateway.wire.request import Origin

type Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

REQUEST = b"GET / HTTP/1.1\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@contextlib.asynccontextmanager
async def backend(
    serve: Serve, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[Origin, list[asyncio.StreamWriter]]]:
    """Yield where a server listens, and its connections, the old ones too."""
    seen: list[asyncio.StreamWriter] = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await serve(reader, writer)
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    try:
        yield Origin("localhost" if tls else "127.0.0.1", port, tls is not None), seen
    finally:
        server.close()
        for writer in seen:
            writer.close()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer every request."""
    while True:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ANSWER)


@contextlib.asynccontextmanager
async def pool(per_backend: int = 10, tls: ssl.SSLContext | None = None) -> AsyncIterator[Pool]:
    made = Pool(per_backend=per_backend, connect_seconds=5, tls=tls)
    try:
        yield made
    finally:
        made.close()


async def ask(asked: Pool, origin: Origin) -> bytes:
    exchange = await asked.ask(origin, REQUEST)
    with contextlib.closing(exchange):
        body = b""
        while chunk := await exchange.read():
            body += chunk
        return body


async def test_a_connection_is_kept() -> None:
    async with backend(echo) as (origin, seen), pool() as asked:
        assert [await ask(asked, origin) for _ in range(3)] == [b"ok"] * 3

        assert len(seen) == 1


async def test_one_that_was_not_read_to_its_end_is_closed() -> None:
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nok")
        await reader.read()
        ended.set()

    async with backend(serve) as (origin, _), pool() as asked:
        (await asked.ask(origin, REQUEST)).close()

        await asyncio.wait_for(ended.wait(), 30)


async def test_one_that_the_backend_has_closed_is_replaced() -> None:
    async with backend(echo) as (origin, seen), pool() as asked:
        assert await ask(asked, origin) == b"ok"
        seen[0].close()
        await seen[0].wait_closed()

        assert await ask(asked, origin) == b"ok"
        assert len(seen) == 2


async def test_a_new_connection_that_fails_is_not_tried_again() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")

    async with backend(serve) as (origin, seen), pool() as asked:
        with pytest.raises(Broken):
            await ask(asked, origin)

        assert len(seen) == 1


async def test_there_are_no_more_than_permitted_and_the_next_one_waits() -> None:
    async with backend(echo) as (origin, seen), pool(per_backend=1) as asked:
        first = await asked.ask(origin, REQUEST)
        async with asyncio.TaskGroup() as group:
            second = group.create_task(ask(asked, origin))
            await asyncio.sleep(0)
            assert not second.done()
            await first.read()
            first.close()

        assert (second.result(), len(seen)) == (b"ok", 1)


async def test_one_that_gives_up_waiting_takes_no_place() -> None:
    async with backend(echo) as (origin, _), pool(per_backend=1) as asked:
        first = await asked.ask(origin, REQUEST)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(ask(asked, origin), 0.01)
        await first.read()
        first.close()

        assert await asyncio.wait_for(ask(asked, origin), 30) == b"ok"


async def test_a_closed_port_is_told() -> None:
    async with backend(echo) as (origin, _):
        pass
    async with pool() as asked:
        with pytest.raises(Broken, match="no connection"):
            await ask(asked, origin)


def heard(expected: bytes) -> tuple[Callable[[], Greeting], list[tuple[int, bytes]]]:
    """Return a greeting that accepts who says what is expected, and what was said."""
    said: list[tuple[int, bytes]] = []

    def check(status: int, body: bytes) -> None:
        said.append((status, body))
        if body != expected:
            raise Broken("somebody else")

    return lambda: Greeting(b"GET /who HTTP/1.1\r\n\r\n", check), said


async def test_a_new_connection_begins_with_a_greeting_and_a_kept_one_does_not() -> None:
    greeting, said = heard(b"ok")
    async with backend(echo) as (origin, connections), pool() as asked:
        for _ in range(2):
            exchange = await asked.ask(origin, REQUEST, greeting)
            assert await exchange.read() == b"ok"
            exchange.close()

    assert (said, len(connections)) == ([(200, b"ok")], 1)


async def test_whoever_is_not_expected_is_not_asked() -> None:
    greeting, said = heard(b"the other")
    async with backend(echo) as (origin, connections), pool(per_backend=1) as asked:
        for _ in range(2):  # a place was given back
            with pytest.raises(Broken, match="somebody else"):
                await asyncio.wait_for(asked.ask(origin, REQUEST, greeting), 30)

    assert (len(said), len(connections)) == (2, 2)


async def test_where_each_request_takes_a_connection_the_greeting_has_its_own() -> None:
    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ANSWER.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n"))

    greeting, said = heard(b"ok")
    async with backend(once) as (origin, connections), pool() as asked:
        exchange = await asked.ask(origin, REQUEST, greeting)
        assert await exchange.read() == b"ok"
        exchange.close()

    assert (len(said), len(connections)) == (1, 2)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def server_side(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(context)
    return context


async def test_a_backend_over_tls_is_asked(authority: trustme.CA) -> None:
    trust = ssl.create_default_context()
    authority.configure_trust(trust)

    async with (
        backend(echo, server_side(authority, "localhost")) as (origin, _),
        pool(tls=trust) as asked,
    ):
        assert await ask(asked, origin) == b"ok"


@pytest.mark.parametrize(
    ("name", "trusted"),
    [
        pytest.param("elsewhere.example", True, id="of another name"),
        pytest.param("localhost", False, id="of an authority that is not trusted"),
    ],
)
async def test_a_certificate_counts_only_as_it_should(
    authority: trustme.CA, name: str, trusted: bool
) -> None:
    trust = ssl.create_default_context()
    if trusted:
        authority.configure_trust(trust)

    async with backend(echo, server_side(authority, name)) as (origin, _), pool(tls=trust) as asked:
        with pytest.raises(Broken, match="no connection"):
            await ask(asked, origin)
