"""A tiny TCP balancer: each connection goes to the next of several ports that answers."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

from tenantry_local.ports import LOOPBACK

_CHUNK_BYTES = 64 << 10


class Balancer:
    """What the balancer has done so far."""

    def __init__(self, ports: Sequence[int]) -> None:
        self.connections = dict.fromkeys(ports, 0)
        """How many connections each port got."""
        self._order = list(ports)
        self._clients: set[asyncio.StreamWriter] = set()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Join one client with a server until either ends."""
        self._clients.add(writer)
        found = await self._connect()
        if found is not None:
            await _join((reader, found[1]), (found[0], writer))
            await _close(found[1])
        await _close(writer)
        self._clients.discard(writer)

    def close(self) -> None:
        """Drop the connections that are open."""
        for writer in self._clients:
            writer.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """Return a connection to the next port that takes one; None if none does."""
        for port in self._order[:]:
            self._order.append(self._order.pop(self._order.index(port)))
            with contextlib.suppress(OSError):
                found = await asyncio.open_connection(LOOPBACK, port)
                self.connections[port] += 1
                return found
        return None


type _Way = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _join(*ways: _Way) -> None:
    async with asyncio.TaskGroup() as group:
        for reader, writer in ways:
            group.create_task(_copy(reader, writer), name="copy")


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(_CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
            return
    await _close(writer)


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


@contextlib.asynccontextmanager
async def balancing(port: int, ports: Sequence[int]) -> AsyncIterator[Balancer]:
    """Listen on `port` of loopback while the body runs."""
    balancer = Balancer(ports)
    server = await asyncio.start_server(balancer.handle, LOOPBACK, port)
    try:
        yield balancer
    finally:
        server.close()
        balancer.close()
        await server.wait_closed()
