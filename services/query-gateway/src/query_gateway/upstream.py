"""Ask backends: rebuilt requests, one backend after the other, until one begins to answer.

Only a backend that has not yet given anything to the tenant is replaced by the next; everything
that one answer is made of comes from one backend, because replicas do not hold exactly the same
samples.
"""

import asyncio
import contextlib
import logging
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence

from query_gateway import backend_errors, config
from query_gateway.answers import NotAnAnswer
from query_gateway.breaker import Breaker
from query_gateway.budget import Budget
from query_gateway.calls import JSON, Call, Media
from query_gateway.failures import Failure
from query_gateway.hedge import Exhausted, Hedged, Unsuccessful
from query_gateway.load import Load
from query_gateway.metrics import Metrics
from query_gateway.outgoing import Outgoing
from query_gateway.tracing import Tracing
from query_gateway.wire.errors import Broken
from query_gateway.wire.pool import Exchange, Pool
from tenantry_common import logs
from tenantry_common.backend_access import Closed, Keyring
from tenantry_common.contracts import Backend

_log = logging.getLogger(__name__)

_ERROR_BYTES = 64 * 1024
_LARGE = 1024 * 1024
_LONGEST_PAUSE = 30.0


class BackendFailed(Unsuccessful):
    """This backend did not answer as it should. Ask the next one."""


class Stream:
    """A backend's answer, whose first bytes are here."""

    def __init__(self, backend: Backend, exchange: Exchange, first: bytes, stall: float) -> None:
        self.backend = backend
        self.first = first
        """The bytes that are here; none where the answer is empty."""
        self._exchange = exchange
        self._stall = stall

    @property
    def is_whole(self) -> bool:
        """Whether the first bytes are all that there is."""
        return self._exchange.is_read

    @property
    def length(self) -> int | None:
        """Bytes of the whole answer, where the backend says so."""
        return self._exchange.length

    @property
    def content_type(self) -> str:
        """The header as the backend wrote it: one of the types asked for, with its parameters."""
        return self._exchange.content_type

    def close(self) -> None:
        """End the request, if it has not come to its end."""
        self._exchange.close()

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the answer as it comes.

        Raises `Broken` or TimeoutError when it does not come to its end.
        """
        chunk = self.first
        while chunk:
            yield chunk
            if self._exchange.is_here:
                chunk = await self._exchange.read()
                continue
            async with asyncio.timeout(self._stall):
                chunk = await self._exchange.read()


class _Streamed:
    """The context of one `Stream`. (A class, because each generator would cost microseconds.)"""

    def __init__(self, begin: Callable[[], Awaitable[Stream]]) -> None:
        self._begin = begin

    async def __aenter__(self) -> Stream:
        self._stream = await self._begin()
        return self._stream

    async def __aexit__(self, *_: object) -> None:
        self._stream.close()


class Conversation:
    """Several requests to one backend, whose answers are read as a whole."""

    def __init__(self, upstream: "Upstream", backend: Backend, budget: Budget) -> None:
        self.backend = backend
        self.content_type = ""
        """That of the last answer."""
        self._upstream = upstream
        self._budget = budget
        self._taken = 0

    async def ask(self, call: Call) -> bytes:
        """Return the answer to `call`.

        Raises `Failure`, also when the answers are longer than permitted together.
        """
        exchange = await self._upstream.begin(self.backend, call)
        with contextlib.closing(exchange), _translated("broke off"):
            self.content_type = exchange.content_type
            body = bytearray()
            while chunk := await exchange.read():
                self._taken += len(chunk)
                self._budget.take(len(chunk))
                body += chunk
            return bytes(body)

    async def read[T](self, read: Callable[[], T]) -> T:
        """Return what `read` makes of the answers so far, which may be long."""
        return await read_aside(read, self._taken)

    def forget(self) -> None:
        """Give back what was read in vain."""
        self._budget.give_back(self._taken)
        self._taken = 0


class Upstream:
    """The client side of the gateway."""

    def __init__(
        self,
        pool: Pool,
        settings: config.Upstream,
        metrics: Metrics,
        tracing: Tracing,
        keyring: Keyring | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare; `keyring` has the credentials of backends that want some."""
        self._pool = pool
        self._outgoing = Outgoing(settings.headers, keyring or Keyring({}))
        self._tracing = tracing
        self._settings = settings
        self._metrics = metrics
        self._throttle = logs.Throttle(30)
        self._clock = clock
        self._load = Load()
        self._breaker = Breaker(
            failures=settings.breaker_failures,
            seconds=settings.breaker_seconds,
            most_seconds=_LONGEST_PAUSE,
        )

    def stream(
        self, candidates: Sequence[Backend], call: Call, *, seconds: float = math.inf
    ) -> contextlib.AbstractAsyncContextManager[Stream]:
        """Return the context of the answer of the first backend that begins one, within `seconds`.

        Raises `Failure` when it is entered.
        The upstream request ends with the context, also when that is left early.
        """

        async def begin(backend: Backend) -> Stream:
            exchange = await self.begin(backend, call)
            try:
                first = exchange.take() if exchange.is_here else await exchange.read()
            except Broken as error:
                exchange.close()
                raise BackendFailed(f"broke off: {error}") from error
            except BaseException:
                exchange.close()
                raise
            self._breaker.succeeded(backend.id)
            return Stream(backend, exchange, first, self._settings.stall_seconds)

        return _Streamed(lambda: self._first(candidates, begin, seconds, Stream.close))

    async def ask[T](
        self,
        candidates: Sequence[Backend],
        calls: Sequence[Call],
        most: int | Budget,
        read: Callable[[list[bytes]], T],
        *,
        seconds: float = math.inf,
    ) -> T:
        """Return what `read` makes of the answers to `calls`, all from one backend.

        `read` raises `NotAnAnswer` for bodies that are not what was asked for. Raises `Failure`,
        also when the answers are longer than `most` bytes together.
        """

        async def talk(conversation: Conversation) -> T:
            bodies = [await conversation.ask(call) for call in calls]
            return await conversation.read(lambda: read(bodies))

        return await self.converse(candidates, most, talk, seconds=seconds)

    async def converse[T](
        self,
        candidates: Sequence[Backend],
        most: int | Budget,
        talk: Callable[[Conversation], Awaitable[T]],
        *,
        seconds: float = math.inf,
    ) -> T:
        """Return what `talk` makes of its conversation with the first backend that answers.

        `talk` raises `NotAnAnswer` for bodies that are not what was asked for, and is then called
        again with the next backend. Raises `Failure`, also when the answers are longer than `most`
        bytes together; a `Budget` may be shared with other conversations.
        """
        budget = Budget(most) if isinstance(most, int) else most

        async def attempt(backend: Backend) -> T:
            conversation = Conversation(self, backend, budget)
            try:
                found = await talk(conversation)
            except NotAnAnswer as error:
                conversation.forget()
                raise BackendFailed("answered something else") from error
            except BaseException:
                conversation.forget()
                raise
            if conversation.content_type:  # one that was not asked has shown nothing
                self._breaker.succeeded(backend.id)
            return found

        return await self._first(candidates, attempt, seconds)

    async def _first[T](
        self,
        candidates: Sequence[Backend],
        attempt: Callable[[Backend], Awaitable[T]],
        tenants_seconds: float,
        discard: Callable[[T], None] = lambda _: None,
    ) -> T:
        async def noted(backend: Backend) -> T:
            self._load.begin(backend.id)
            try:
                found = await attempt(backend)
            except BackendFailed as error:
                self._note(backend, error)
                raise
            finally:
                self._load.end(backend.id)
            return found

        ours = self._settings.timeout_seconds
        seconds = min(ours, tenants_seconds)
        try:
            async with asyncio.timeout(seconds):
                if len(candidates) == 1:  # nobody to ask beside it
                    return await noted(candidates[0])
                return await Hedged(
                    self.in_order(candidates),
                    noted,
                    patience=self._settings.hedge_seconds,
                    slow=self._overtaken,
                    discard=discard,
                ).result()
        except TimeoutError:
            setting = "upstream.timeout_seconds" if seconds == ours else "limit timeout_seconds"
            text = f"no backend answered within {seconds:g} s ({setting})"
            raise Failure("timeout", text) from None
        except (Exhausted, BackendFailed):
            raise Failure("backends", "no Prometheus backend gave an answer") from None

    def in_order(self, candidates: Sequence[Backend]) -> Iterator[Backend]:
        """Yield candidates in the order in which they are asked: the preferred one, the others, those
        with much to do, and at last those that failed again and again.
        """
        by_id = {backend.id: backend for backend in candidates}
        left = []
        for name in self._load.order(tuple(by_id)):
            if self._breaker.take(name, self._clock()):
                yield by_id[name]
            else:
                left.append(by_id[name])
        yield from left

    def _overtaken(self, backend: Backend) -> None:
        self._note(backend, BackendFailed("another one was faster"))

    def _note(self, backend: Backend, error: BackendFailed) -> None:
        self._breaker.failed(backend.id, self._clock())
        self._metrics.asked(backend.id, "failed")
        if self._throttle.allow(backend.id):
            _log.warning("backend failed", extra={"backend": backend.id, "error": str(error)})

    async def begin(self, backend: Backend, call: Call) -> Exchange:
        """Return a successful answer, its body unread; it must be closed. Raises `BackendFailed` or `Failure`."""
        with _translated("no answer"), self._tracing.upstream() as trace:
            sent = self._outgoing.addressed(backend, call, trace)
            exchange = await self._pool.ask(sent.origin, sent.message, sent.greeting)
        if _is_as_asked(exchange, call.media):
            self._metrics.asked(backend.id, str(exchange.status))
            return exchange
        with contextlib.closing(exchange), _translated("broke off"):
            body = await _read(exchange, _ERROR_BYTES)
        judge = backend_errors.judge
        if JSON not in call.media.types and exchange.media_type == "text/plain":
            judge = backend_errors.judge_text
        failure = judge(exchange.status, body[:_ERROR_BYTES])
        if failure is None:
            raise BackendFailed(f"status {exchange.status}, {exchange.media_type}")
        self._metrics.asked(backend.id, str(exchange.status))
        _log.debug(
            "backend refused",
            extra={
                "backend": backend.id,
                "status": exchange.status,
                "body": body.decode("utf-8", "replace"),
            },
        )
        raise failure


@contextlib.asynccontextmanager
async def pool(settings: config.Upstream) -> AsyncIterator[Pool]:
    """Yield the connections of an `Upstream`. Nothing but they outlives a request."""
    made = Pool(
        per_backend=settings.connections_per_backend, connect_seconds=settings.connect_seconds
    )
    try:
        yield made
    finally:
        made.close()


async def read_aside[T](read: Callable[[], T], size: int) -> T:
    """Return what `read` makes of an answer of `size` bytes."""
    # It needs no lock, and a large answer would keep every other tenant waiting.
    return read() if size < _LARGE else await asyncio.to_thread(read)


class _translated:
    """Let what goes wrong on the way count against the backend."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, Broken | Closed | ValueError):
            raise BackendFailed(f"{self._what}: {error}") from error


def _is_as_asked(exchange: Exchange, media: Media) -> bool:
    if exchange.status == 204:
        return media.may_be_nothing
    return (
        exchange.status == 200
        and exchange.media_type in media.types
        and exchange.encoding == media.encoding
    )


async def _read(exchange: Exchange, most: int) -> bytes:
    """Return the body, or somewhat more than its first `most` bytes."""
    body = bytearray()
    while len(body) <= most and (chunk := await exchange.read()):
        body += chunk
    return bytes(body)
