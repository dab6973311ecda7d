"""A proxy in front of the real Prometheus that keeps what reached it."""

import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
from yarl import URL


@dataclass(frozen=True)
class Reached:
    """One request as it reached Prometheus."""

    method: str
    path: str
    """As sent, still percent-encoded, without the query."""
    pairs: tuple[tuple[str, str], ...]
    """The parameters in the URL, then those in the body."""
    headers: Mapping[str, str]
    body: bytes


class Recorder:
    """The proxy. It changes nothing."""

    def __init__(self, upstream: str) -> None:
        self._upstream = upstream
        self._session: aiohttp.ClientSession | None = None
        self.reached: list[Reached] = []
        app = web.Application(client_max_size=1 << 24)
        app.router.add_route("*", "/{any:.*}", self._pass)
        self._server = TestServer(app)

    @property
    def url(self) -> str:
        """Where it listens."""
        return str(self._server.make_url("")).rstrip("/")

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Recorder"]:
        """Listen while the context lasts."""
        async with self._server, aiohttp.ClientSession(auto_decompress=False) as session:
            self._session = session
            yield self

    @contextlib.contextmanager
    def watching(self) -> Iterator[list[Reached]]:
        """Yield the list to which everything is added that comes in the meantime."""
        before, self.reached = self.reached, []
        try:
            yield self.reached
        finally:
            self.reached = [*before, *self.reached]

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        assert self._session is not None
        body = await request.read()
        form = "" if "Content-Encoding" in request.headers else body.decode()
        pairs = [
            pair
            for text in (request.rel_url.raw_query_string, form)
            for pair in parse_qsl(text, keep_blank_values=True)
        ]
        path = request.rel_url.raw_path
        self.reached.append(
            Reached(request.method, path, tuple(pairs), request.headers.copy(), body)
        )
        async with self._session.request(
            request.method,
            URL(f"{self._upstream}{request.rel_url.raw_path_qs}", encoded=True),
            data=body,
            headers=request.headers,
            allow_redirects=False,
        ) as answer:
            kept = ("Content-Type", "Content-Encoding")
            headers = {name: answer.headers[name] for name in kept if name in answer.headers}
            return web.Response(status=answer.status, body=await answer.read(), headers=headers)
