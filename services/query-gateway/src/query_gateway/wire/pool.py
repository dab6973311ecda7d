"""Connections to backends: kept while they are good, and never more to one backend than permitted."""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from query_gateway.wire.answer import Answer
from query_gateway.wire.connection import Connection
from query_gateway.wire.errors import Broken, Stale
from query_gateway.wire.request import Origin

_IDLE_SECONDS = 15.0
"""For which a connection is kept that nobody uses."""
_GREETING_BYTES = 64 * 1024


@dataclass(frozen=True)
class Greeting:
    """What is asked first on every new connection, to know who is there. A connection ends with its
    process, so it need not be asked again."""

    request: bytes
    check: Callable[[int, bytes], None]
    """Is given status and body. Raises `Broken` where it is not who was expected."""


@dataclass
class _Kept:
    """The connections to one backend."""

    free: int
    """How many more requests may be under way."""
    idle: list[Connection] = field(default_factory=list)
    """The one that was used last is at the end."""
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)
    """Requests that wait for a place."""


class Exchange:
    """A request and its answer, whose head is here. It must be closed."""

    def __init__(
        self, connection: Connection, answer: Answer, leave: Callable[[Connection], None]
    ) -> None:
        self._connection = connection
        self._leave: Callable[[Connection], None] | None = leave
        self._answer = answer
        self.status = answer.status
        """The HTTP status."""
        self.content_type = answer.header(b"content-type")
        """The header as the backend wrote it, nothing where there is none."""
        self.encoding = answer.header(b"content-encoding") or "identity"
        """The header `Content-Encoding`."""
        self.length = answer.length
        """Bytes of the whole body, where the backend says so."""

    @property
    def media_type(self) -> str:
        """The content type without its parameters, in lower case."""
        return self.content_type.partition(";")[0].strip().lower()

    @property
    def is_here(self) -> bool:
        """Whether `read` will not wait."""
        return self._answer.waiting > 0 or self._answer.complete

    def take(self) -> bytes:
        """Return what is here of the body, nothing where nothing is."""
        return self._connection.take()

    @property
    def is_read(self) -> bool:
        """Whether `read` has returned the whole body."""
        return self._answer.complete and not self._answer.waiting

    async def read(self) -> bytes:
        """Return some more of the body, nothing at its end. Raises `Broken`."""
        return await self._connection.read()

    def close(self) -> None:
        """Keep the connection if the answer was read to its end, else end it."""
        leave, self._leave = self._leave, None
        if leave is not None:
            leave(self._connection)


class Pool:
    """The connections to all backends."""

    def __init__(
        self,
        *,
        per_backend: int,
        connect_seconds: float,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Take `tls` for backends whose URL begins with ``https:``; None: the system's trust."""
        self._per_backend = per_backend
        self._connect_seconds = connect_seconds
        self._tls = tls
        self._kept: dict[Origin, _Kept] = {}
        self._sweep: asyncio.TimerHandle | None = None

    async def ask(
        self, origin: Origin, request: bytes, greeting: Callable[[], Greeting] | None = None
    ) -> Exchange:
        """Send `request`; return the exchange when the answer's head is here. Raises `Broken`.

        A new connection begins with the `greeting`.
        """
        kept = self._kept.get(origin)
        if kept is None:
            kept = self._kept[origin] = _Kept(self._per_backend)
            if self._sweep is None:
                loop = asyncio.get_running_loop()
                self._sweep = loop.call_later(_IDLE_SECONDS, self._close_idle)
        if kept.free:
            kept.free -= 1
        else:
            await self._place(kept)
        connection = self._idle(kept)
        try:
            while connection is not None:
                try:
                    return await self._over(connection, kept, request)
                except Stale:  # the backend had closed it; reading twice does no harm
                    connection = self._idle(kept)
            connection = await self._connected(origin)
            if greeting is not None and not await _greeted(connection, greeting()):
                connection = await self._connected(origin)  # it takes one request for each
            return await self._over(connection, kept, request)
        except BaseException:
            self._leave(kept)
            raise

    async def _place(self, kept: _Kept) -> None:
        """Wait until somebody leaves a place."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        kept.waiting.append(turn)
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled():  # given in the moment of giving up
                self._leave(kept)
            raise

    def _leave(self, kept: _Kept) -> None:
        """Give a place to who has waited for it the longest."""
        while kept.waiting:
            turn = kept.waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        kept.free += 1

    async def _over(self, connection: Connection, kept: _Kept, request: bytes) -> Exchange:
        try:
            answer = await connection.ask(request)
        except BaseException:
            connection.finish()
            raise
        return Exchange(connection, answer, lambda used: self._take_back(used, kept))

    async def _connected(self, origin: Origin) -> Connection:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._connect_seconds):
                _, connection = await loop.create_connection(
                    Connection,
                    origin.host,
                    origin.port,
                    ssl=(origin.context or self._context()) if origin.tls else None,
                    server_hostname=origin.server_name,
                )
        except TimeoutError:
            raise Broken(f"no connection within {self._connect_seconds:g} s") from None
        except OSError as error:
            raise Broken(f"no connection: {error!r}") from error
        return connection

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls

    def _idle(self, kept: _Kept) -> Connection | None:
        while kept.idle:
            connection = kept.idle.pop()
            if connection.open:
                return connection
        return None

    def _take_back(self, connection: Connection, kept: _Kept) -> None:
        if connection.finish():
            connection.idle_since = asyncio.get_running_loop().time()
            kept.idle.append(connection)
        self._leave(kept)

    def _close_idle(self) -> None:
        """Close what nobody has used for a while, backends that are gone among it."""
        loop = asyncio.get_running_loop()
        before = loop.time() - _IDLE_SECONDS
        for origin, kept in list(self._kept.items()):
            while kept.idle and (kept.idle[0].idle_since <= before or not kept.idle[0].open):
                kept.idle.pop(0).close()
            if kept.free == self._per_backend and not kept.idle:
                del self._kept[origin]
        self._sweep = loop.call_later(_IDLE_SECONDS, self._close_idle) if self._kept else None

    def close(self) -> None:
        """End every connection that nobody uses."""
        if self._sweep is not None:
            self._sweep.cancel()
        for kept in self._kept.values():
            for connection in kept.idle:
                connection.close()
            kept.idle.clear()


async def _greeted(connection: Connection, greeting: Greeting) -> bool:
    """Find out who is there; return whether the connection can be used again. Raises `Broken`."""
    try:
        answer = await connection.ask(greeting.request)
        body = bytearray()
        while len(body) <= _GREETING_BYTES and (chunk := await connection.read()):
            body += chunk
        greeting.check(answer.status, bytes(body))
    except BaseException:
        connection.close()
        raise
    return connection.finish()
