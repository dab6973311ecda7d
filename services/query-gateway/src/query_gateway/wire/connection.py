"""One connection to a backend: a request goes out, its answer comes in, at the pace of its reader."""

import asyncio
from typing import cast

from query_gateway.wire.answer import Answer
from query_gateway.wire.errors import Broken, Stale

_MOST_WAITING = 256 * 1024
"""Bytes of a body that wait for their reader before the backend is made to wait."""


class Connection(asyncio.Protocol):
    """A connection, which is used for one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answer = Answer()
        self._asked = False
        self._used = 0
        self._begun = False
        self._paused = False
        self._error: Broken | None = None
        self._change: asyncio.Future[None] | None = None
        self.idle_since = 0.0
        """Monotonic seconds, kept by the pool."""

    @property
    def open(self) -> bool:
        """Whether it can be used for a request."""
        return self._transport is not None and self._error is None

    async def ask(self, request: bytes) -> Answer:
        """Send `request`; return the answer when its head is here.

        Raises `Broken`, and `Stale` where only the connection was the matter.
        """
        if not self.open or self._transport is None or self._asked:
            raise Stale("the connection was closed")
        self._used += 1
        self._asked, self._begun = True, False
        answer = self._answer
        self._transport.write(request)
        while not answer.status:
            await self._changed()
        return answer

    async def read(self) -> bytes:
        """Return some more of the answer's body, nothing at its end. Raises `Broken`."""
        answer = self._answer
        while not answer.waiting and not answer.complete:
            await self._changed()
        return self.take()

    def take(self) -> bytes:
        """Return what is here of the answer's body, nothing where nothing is."""
        answer = self._answer
        taken = answer.take()
        if self._paused and self._transport is not None and not answer.complete:
            self._paused = False
            self._transport.resume_reading()
        return taken

    def finish(self) -> bool:
        """End the exchange; return whether the connection can be used again, else it is closed."""
        self._asked = False
        if self.open and self._answer.reusable and not self._paused:
            self._answer.renew()
            return True
        self.close()
        return False

    def close(self) -> None:
        """End the connection at once; the backend sees that, and stops working on the request."""
        if self._transport is not None:
            self._transport.abort()

    async def _changed(self) -> None:
        """Wait until something has come. Raises what ended the connection."""
        if self._error is not None:
            raise self._error
        change = self._change = asyncio.get_running_loop().create_future()
        try:
            await change
        finally:
            self._change = None

    def _note(self) -> None:
        change = self._change
        if change is not None and not change.done():
            if self._error is not None:
                change.set_exception(self._error)
            else:
                change.set_result(None)

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        """Read some more of the answer. What nobody asked for ends the connection."""
        answer = self._answer
        if not self._asked or answer.complete:
            self._fail(Broken("the backend spoke without being asked"))
            return
        self._begun = True
        try:
            answer.feed(data)
        except Broken as error:
            self._fail(error)
            return
        if answer.waiting > _MOST_WAITING and not answer.complete and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()
        if answer.status:
            self._note()

    def connection_lost(self, error: Exception | None) -> None:
        """Note the end; an answer that is not complete is none."""
        self._transport = None
        if self._error is None:
            kind = Stale if self._used > 1 and not self._begun else Broken
            self._error = kind(f"the connection ended: {error!r}" if error else "it hung up")
        self._note()

    def _fail(self, error: Broken) -> None:
        self._error = error
        self.close()
        self._note()
