"""Ask backends: rebuilt requests, one backend after the other, until one begins to answer.

Only a backend that has not yet given anything to the tenant is replaced by the next; everything
that one answer is made of comes from one backend, because replicas do not hold exactly the same
samples.
"""

import asyncio
import contextlib
import logging
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence

import aiohttp
from yarl import URL

from query_gateway import backend_errors, config, form
from query_gateway.answers import NotAnAnswer
from query_gateway.calls import JSON, PROTOBUF, Call, Media
from query_gateway.failures import Failure
from query_gateway.metrics import Metrics
from query_gateway.tracing import Tracing
from tenantry_common import logs
from tenantry_common.contracts import Backend

_log = logging.getLogger(__name__)

_ERROR_BYTES = 64 * 1024
_LARGE = 1024 * 1024
_FORM = "application/x-www-form-urlencoded"
_USER_AGENT = "tenantry-query-gateway"
_REMOTE_READ = {
    "Content-Type": PROTOBUF,
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Read-Version": "0.1.0",
}


class BackendFailed(Exception):
    """This backend did not answer as it should. Ask the next one."""


class Stream:
    """A backend's answer, whose first bytes are here."""

    def __init__(
        self,
        backend: Backend,
        response: aiohttp.ClientResponse,
        first: bytes,
        stall: float,
    ) -> None:
        self.backend = backend
        self._response = response
        self._first = first
        self._stall = stall

    @property
    def length(self) -> int | None:
        """Bytes of the whole answer, where the backend says so."""
        return self._response.content_length

    @property
    def content_type(self) -> str:
        """The header as the backend wrote it: one of the types asked for, with its parameters."""
        return self._response.headers.get("Content-Type", "")

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the answer as it comes.

        Raises `aiohttp.ClientError` or TimeoutError when it does not come to its end.
        """
        chunk = self._first
        while chunk:
            yield chunk
            async with asyncio.timeout(self._stall):
                chunk = await self._response.content.readany()


class Conversation:
    """Several requests to one backend, whose answers are read as a whole."""

    def __init__(self, upstream: "Upstream", backend: Backend, most: int) -> None:
        self.backend = backend
        self._upstream = upstream
        self._most = most
        self._left = most

    async def ask(self, call: Call) -> bytes:
        """Return the answer to `call`.

        Raises `Failure`, also when the answers are longer than permitted together.
        """
        body = await self._upstream.body(self.backend, call, self._left)
        self._left -= len(body)
        if self._left < 0:
            raise Failure("limit", f"the answer is longer than buffered_bytes ({self._most})")
        return body

    async def read[T](self, read: Callable[[], T]) -> T:
        """Return what `read` makes of the answers so far, which may be long."""
        return await read_aside(read, self._most - self._left)


class Upstream:
    """The client side of the gateway."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        settings: config.Upstream,
        metrics: Metrics,
        tracing: Tracing,
    ) -> None:
        self._session = session
        self._tracing = tracing
        self._settings = settings
        self._metrics = metrics
        self._throttle = logs.Throttle(30)

    @contextlib.asynccontextmanager
    async def stream(
        self, candidates: Sequence[Backend], call: Call, *, seconds: float = math.inf
    ) -> AsyncIterator[Stream]:
        """Yield the answer of the first backend that begins one, within `seconds`.

        Raises `Failure`.
        The upstream request ends with the context, also when that is left early.
        """

        async def begin(backend: Backend) -> tuple[Backend, aiohttp.ClientResponse, bytes]:
            response = await self._send(backend, call)
            with contextlib.ExitStack() as unless_it_began, _translated("broke off"):
                unless_it_began.callback(response.close)
                first = await response.content.readany()
                unless_it_began.pop_all()
            return backend, response, first

        backend, response, first = await self._first(candidates, begin, seconds)
        try:
            yield Stream(backend, response, first, self._settings.stall_seconds)
        finally:
            response.close()

    async def ask[T](
        self,
        candidates: Sequence[Backend],
        calls: Sequence[Call],
        most: int,
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
        most: int,
        talk: Callable[[Conversation], Awaitable[T]],
        *,
        seconds: float = math.inf,
    ) -> T:
        """Return what `talk` makes of its conversation with the first backend that answers.

        `talk` raises `NotAnAnswer` for bodies that are not what was asked for, and is then called
        again with the next backend. Raises `Failure`, also when the answers are longer than `most`
        bytes together.
        """

        async def attempt(backend: Backend) -> T:
            try:
                return await talk(Conversation(self, backend, most))
            except NotAnAnswer as error:
                raise BackendFailed("answered something else") from error

        return await self._first(candidates, attempt, seconds)

    async def body(self, backend: Backend, call: Call, most: int) -> bytes:
        """Return one backend's whole answer, or somewhat more than its first `most` bytes.

        Raises `BackendFailed` or `Failure`.
        """
        response = await self._send(backend, call)
        with contextlib.closing(response), _translated("broke off"):
            return await _read(response, most)

    async def _first[T](
        self,
        candidates: Sequence[Backend],
        attempt: Callable[[Backend], Awaitable[T]],
        tenants_seconds: float,
    ) -> T:
        ours = self._settings.timeout_seconds
        seconds = min(ours, tenants_seconds)
        try:
            async with asyncio.timeout(seconds):
                for backend in candidates:
                    try:
                        return await attempt(backend)
                    except BackendFailed as error:
                        self._note(backend, error)
        except TimeoutError:
            setting = "upstream.timeout_seconds" if seconds == ours else "limit timeout_seconds"
            text = f"no backend answered within {seconds:g} s ({setting})"
            raise Failure("timeout", text) from None
        raise Failure("backends", "no Prometheus backend gave an answer")

    def _note(self, backend: Backend, error: BackendFailed) -> None:
        self._metrics.upstream.labels(backend.id, "failed").inc()
        if self._throttle.allow(backend.id):
            _log.warning("backend failed", extra={"backend": backend.id, "error": str(error)})

    async def _send(self, backend: Backend, call: Call) -> aiohttp.ClientResponse:
        """Return a successful answer, its body unread. Raises `BackendFailed` or `Failure`."""
        response = await self._request(backend, call)
        if _is_as_asked(response, call.media):
            self._metrics.upstream.labels(backend.id, str(response.status)).inc()
            return response
        with contextlib.closing(response), _translated("broke off"):
            body = await _read(response, _ERROR_BYTES)
        judge = backend_errors.judge
        if JSON not in call.media.types and response.content_type == "text/plain":
            judge = backend_errors.judge_text
        failure = judge(response.status, body[:_ERROR_BYTES])
        if failure is None:
            raise BackendFailed(f"status {response.status}, {response.content_type}")
        self._metrics.upstream.labels(backend.id, str(response.status)).inc()
        _log.debug(
            "backend refused",
            extra={
                "backend": backend.id,
                "status": response.status,
                "body": body.decode("utf-8", "replace"),
            },
        )
        raise failure

    async def _request(self, backend: Backend, call: Call) -> aiohttp.ClientResponse:
        with _translated("no answer"), self._tracing.upstream() as trace:
            more = {**self._settings.headers, **trace}
            try:
                return await self._request_once(backend, call, more)
            except (aiohttp.ServerDisconnectedError, ConnectionResetError, BrokenPipeError):
                # An idle connection that the backend had closed; reading twice does no harm.
                return await self._request_once(backend, call, more)

    async def _request_once(
        self, backend: Backend, call: Call, more: Mapping[str, str]
    ) -> aiohttp.ClientResponse:
        text = form.encode(call.form)
        base = f"{backend.url}{call.path}"
        headers = {
            **more,
            "Accept": call.media.accept,
            "Accept-Encoding": call.media.encoding,
            "User-Agent": _USER_AGENT,
        }
        if call.method == "GET":
            return await self._session.get(
                URL(f"{base}?{text}", encoded=True), headers=headers, allow_redirects=False
            )
        own = _REMOTE_READ if call.message else {"Content-Type": _FORM}
        return await self._session.post(
            URL(base, encoded=True),
            data=call.message or text.encode("ascii"),
            headers={**headers, **own},
            allow_redirects=False,
        )


@contextlib.asynccontextmanager
async def session(settings: config.Upstream) -> AsyncIterator[aiohttp.ClientSession]:
    """Yield the session of an `Upstream`. It keeps no cookies, so tenants share nothing by it."""
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, limit_per_host=settings.connections_per_backend),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=settings.connect_seconds),
        auto_decompress=False,
        trust_env=False,
    ) as client:
        yield client


async def read_aside[T](read: Callable[[], T], size: int) -> T:
    """Return what `read` makes of an answer of `size` bytes."""
    # It needs no lock, and a large answer would keep every other tenant waiting.
    return read() if size < _LARGE else await asyncio.to_thread(read)


@contextlib.contextmanager
def _translated(what: str) -> Iterator[None]:
    try:
        yield
    except (aiohttp.ClientError, OSError) as error:
        raise BackendFailed(f"{what}: {error!r}") from error


def _is_as_asked(response: aiohttp.ClientResponse, media: Media) -> bool:
    if response.status == 204:
        return media.may_be_nothing
    encoding = response.headers.get("Content-Encoding", "identity")
    return (
        response.status == 200
        and response.content_type in media.types
        and encoding == media.encoding
    )


async def _read(response: aiohttp.ClientResponse, most: int) -> bytes:
    """Return the body, or somewhat more than its first `most` bytes."""
    body = bytearray()
    while len(body) <= most and (chunk := await response.content.readany()):
        body += chunk
    return bytes(body)
