"""One connection of a tenant: plain requests are answered here, at the first other one aiohttp takes over."""

import asyncio
import email.utils
import functools
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from query_gateway.endpoints import Endpoint
from query_gateway.front import Front
from query_gateway.identity.presented import KEY_HEADER, Presented
from query_gateway.inbound import head, request
from query_gateway.inbound.head import Head
from query_gateway.responses import Reply
from query_gateway.visit import REQUEST_ID_HEADER, Visit
from tenantry_common import peer_certificate
from tenantry_common.peer_certificate import Certificate

_PATIENCE = 1.0
"""Seconds for which the rest of a request is waited for before aiohttp waits for it."""
_FAREWELL_SECONDS = 1.0
"""Seconds within which the last bytes of a connection go out when all of them are ended."""
_ALONE = 64 * 1024
"""Bytes from which on a body is not copied to be sent with its head."""

type Answer = Callable[[Endpoint, request.Request], Awaitable[Reply | None]]
"""None says that the answer was sent in pieces. Raises `Failure`."""


@dataclass(frozen=True, kw_only=True)
class Shared:
    """What all lanes have in common."""

    find: Callable[[str, str], tuple[Endpoint, str | None] | None]
    """Return endpoint and tenant by method and path; None leaves the request to aiohttp."""
    front: Front
    answer: Answer
    """What answers a request on its way through `front`."""
    aiohttp: Callable[[], asyncio.Protocol]
    """Make aiohttp's side of a connection."""
    most: int
    """Bytes of the longest body, and of the longest query, that are taken here."""
    enter: Callable[["Lane"], None]
    """Told when a connection is made, which with TLS is not for everybody who comes."""
    leave: Callable[["Lane"], None]
    """Told when a lane ends, or is one no more."""


class Lane(asyncio.Protocol):
    """The connection, as long as its requests are plain: whole, alone, and with one reading only."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._peer: str | None = None
        self._certificate: Certificate | None = None
        self._buffer = b""
        # Clients send the same head again and again.
        self._raw = b""
        self._known: _Known | None = None
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._closing = False
        self._full: asyncio.Future[None] | None = None
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self.idle_since = self._loop.time()
        """On the loop's clock, when the last request was answered."""

    @property
    def idle(self) -> bool:
        """Whether no request is being answered."""
        return self._task is None

    def close(self) -> None:
        """Take no request any more: end now, or after the one that is being answered."""
        self._closing = True
        if self._task is None and self._transport is not None:
            self._transport.close()

    async def shutdown(self, timeout: float | None = None) -> None:
        """End after the request that is being answered, which has `timeout` seconds for that."""
        self.close()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=timeout)
        if self._task is None:
            # What is written has to go out; no client of TLS can make us wait for its farewell.
            await asyncio.wait([self._ended], timeout=_FAREWELL_SECONDS)
        if self._transport is not None:
            self._transport.abort()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass
        name = transport.get_extra_info("peername")
        self._peer = str(name[0]) if isinstance(name, tuple) else None
        self._certificate = peer_certificate.read(transport.get_extra_info("peercert"))
        self._shared.enter(self)

    def data_received(self, data: bytes) -> None:
        """Answer a request that is here as a whole; one at a time."""
        self._buffer = self._buffer + data if self._buffer else data
        if self._task is None:
            self._next()
        elif self._transport is not None:
            self._transport.pause_reading()

    def connection_lost(self, error: Exception | None) -> None:
        """End what is under way: nobody waits for it."""
        self._transport = None
        self._forget_timer()
        self.resume_writing()
        if self._task is not None:
            self._task.cancel()
        self._leave()

    def pause_writing(self) -> None:
        """Note that the client reads slower than we write."""
        self._full = self._loop.create_future()

    def resume_writing(self) -> None:
        """Note that it has caught up."""
        full, self._full = self._full, None
        if full is not None and not full.done():
            full.set_result(None)

    # Requests.

    def _next(self) -> None:
        """Answer what is in the buffer, wait for the rest of it, or let aiohttp see to it."""
        buffer = self._buffer
        if self._task is not None or not buffer:
            return
        if self._known is None or not buffer.startswith(self._raw):
            end = buffer.find(head.END)
            if end < 0:
                self._wait_or_give_up(head.may_become(buffer))
                return
            self._raw = buffer[: end + len(head.END)]
            self._known = self._read(self._raw)
        known = self._known
        missing = -1 if known is None else len(self._raw) + known.head.length - len(buffer)
        if known is None or missing:
            # With more behind it, it is not plain where the client takes it to end.
            self._wait_or_give_up(missing > 0)
            return
        self._forget_timer()
        self._buffer = b""
        asked = Asked(self, known, buffer[len(self._raw) :])
        # Begun at once, and ended when the client goes away. Not in a group: its exceptions are
        # caught in `_answer`, and the connection keeps it.
        task = asyncio.Task(self._answer(known.endpoint, asked), loop=self._loop, eager_start=True)
        if not task.done():
            self._task = task

    def _read(self, raw: bytes) -> "_Known | None":
        found = head.read(raw)
        if found is None or max(found.length, len(found.query)) > self._shared.most:
            return None
        place = self._shared.find(found.method, found.path)
        if place is None:
            return None
        presented = Presented(
            peer=self._peer,
            certificate=self._certificate,
            authorization=found.fields.get("authorization", ()),
            keys=found.fields.get(KEY_HEADER.lower(), ()),
        )
        return _Known(found, *place, presented)

    def _wait_or_give_up(self, may_wait: bool) -> None:
        if not may_wait:
            self._hand_over()
        elif self._timer is None:
            self._timer = self._loop.call_later(_PATIENCE, self._hand_over)

    def _forget_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _hand_over(self) -> None:
        """Let aiohttp have the connection, from the first byte that is not answered."""
        transport, self._transport = self._transport, None
        self._forget_timer()
        self._leave()
        if transport is None or transport.is_closing():
            return
        other = self._shared.aiohttp()
        transport.set_protocol(other)
        other.connection_made(transport)
        other.data_received(self._buffer)

    def _leave(self) -> None:
        if not self._ended.done():
            self._ended.set_result(None)
            self._shared.leave(self)

    async def _answer(self, endpoint: Endpoint, asked: "Asked") -> None:
        try:
            answer = functools.partial(self._shared.answer, endpoint, asked)
            reply = await self._shared.front.passed(asked, endpoint.name, answer, _as_it_is)
            if reply is not None:
                await asked.send(reply)
        except ConnectionError:  # the client has gone away
            return
        except BaseException:
            if self._transport is not None:
                self._transport.abort()
            raise
        self._task = None
        self.idle_since = self._loop.time()
        if self._transport is None:
            return
        if self.closes:
            self._transport.close()
        elif self._buffer:
            self._transport.resume_reading()
            self._loop.call_soon(self._next)

    # What a request does.

    @property
    def closes(self) -> bool:
        """Whether the connection ends with the next answer."""
        return self._closing or self._shared.front.draining

    async def write(self, *parts: bytes) -> None:
        """Send `parts`, and wait while the client is behind."""
        if self._transport is None:
            raise ConnectionResetError("the client is gone")
        self._transport.writelines(parts)
        if self._full is not None:
            await self._full

    def abort(self) -> None:
        """End the connection at once."""
        if self._transport is not None:
            self._transport.abort()


def _as_it_is(reply: Reply) -> Reply:
    return reply


@dataclass(frozen=True, slots=True)
class _Known:
    """A head, and what follows from it."""

    head: Head
    endpoint: Endpoint
    tenant: str | None
    presented: Presented


class Asked:
    """A plain request; a `request.Request`."""

    __slots__ = ("_body", "_known", "_lane", "_length", "visit")

    visit: Visit

    def __init__(self, lane: Lane, known: _Known, body: bytes) -> None:
        self._lane = lane
        self._known = known
        self._body = body
        self._length: int | None = None

    @property
    def method(self) -> str:
        """`GET` or `POST`."""
        return self._known.head.method

    @property
    def query(self) -> bytes:
        """What follows the `?` in the URL."""
        return self._known.head.query

    @property
    def tenant(self) -> str | None:
        """The tenant in the path."""
        return self._known.tenant

    @property
    def label(self) -> str:
        """Nothing: paths with labels are not plain."""
        return ""

    @property
    def peer(self) -> str | None:
        """Address at the other end of the connection."""
        return self._known.presented.peer

    @property
    def presented(self) -> Presented:
        """What the head presents."""
        return self._known.presented

    def values(self, name: str) -> Sequence[str]:
        """Return every value of a header, whose `name` is in lower case."""
        return self._known.head.fields.get(name, ())

    async def body(self, media_type: str) -> bytes:
        """Return the body. It is a form, and endpoints that take anything else are not plain."""
        return self._body

    async def send(self, reply: Reply) -> None:
        """Answer with what is here as a whole."""
        raw = self._head(reply.status, reply.headers, {"Content-Length": str(len(reply.body))})
        if len(reply.body) < _ALONE:
            await self._lane.write(raw + reply.body)
        else:
            await self._lane.write(raw, reply.body)

    async def begin(self, headers: Mapping[str, str], length: int | None) -> None:
        """Begin an answer that comes in pieces."""
        self._length = length
        how = (
            {"Transfer-Encoding": "chunked"} if length is None else {"Content-Length": str(length)}
        )
        await self._lane.write(self._head(200, headers, how))

    async def write(self, chunk: bytes) -> None:
        """Send some more of it, not faster than the client reads."""
        if self._length is None:
            await self._lane.write(b"%x\r\n" % len(chunk), chunk, b"\r\n")
        else:
            await self._lane.write(chunk)

    async def end(self) -> None:
        """Say that it is complete."""
        if self._length is None:
            await self._lane.write(b"0\r\n\r\n")

    def abort(self) -> None:
        """End the connection."""
        self._lane.abort()

    def _head(self, status: int, headers: Mapping[str, str], more: dict[str, str]) -> bytes:
        more[REQUEST_ID_HEADER] = self.visit.id
        more["Date"] = _date(int(time.time()))
        if self._lane.closes:
            more["Connection"] = "close"
        return head.write(status, headers, more)


@functools.lru_cache(maxsize=1)
def _date(second: int) -> str:
    """Return the header `Date` (RFC 9110, 6.6.1)."""
    return email.utils.formatdate(second, usegmt=True)
