"""Connections go on while one of the servers behind the balancer answers."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from tenantry_cli.demo_push.balancer import balancing
from tenantry_local.ports import free_ports


@contextlib.asynccontextmanager
async def echoing(port: int, name: bytes) -> AsyncIterator[None]:
    """Answer what comes, with a name in front, until the client has ended."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(name + await reader.read())
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(handle, "127.0.0.1", port):
        yield


async def ask(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"?")
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_servers_take_turns_and_a_dead_one_is_passed_over() -> None:
    front, a, b = free_ports(3)
    async with balancing(front, (a, b)) as balancer, echoing(b, b"b"):
        async with echoing(a, b"a"):
            both = [await ask(front) for _ in range(4)]
        one = [await ask(front) for _ in range(3)]

    assert both == [b"a?", b"b?", b"a?", b"b?"]
    assert one == [b"b?"] * 3
    assert balancer.connections == {a: 2, b: 5}


async def test_without_a_server_a_connection_is_closed() -> None:
    front, a = free_ports(2)
    async with balancing(front, (a,)), asyncio.timeout(10):
        assert await ask(front) == b""
