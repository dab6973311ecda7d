"""Every kind of request, read and answered by aiohttp."""

import asyncio
import functools
from collections.abc import Mapping, Sequence

from aiohttp import web
from aiohttp.typedefs import Handler

from query_gateway import config, endpoints, framing
from query_gateway.endpoints import Endpoint
from query_gateway.failures import Failure, Kind
from query_gateway.front import Front
from query_gateway.identity.presented import KEY_HEADER, Presented
from query_gateway.inbound.lane import Answer
from query_gateway.responses import Reply
from query_gateway.visit import REQUEST_ID_HEADER, Visit
from tenantry_common import peer_certificate

_HTTP_KINDS: dict[int, Kind] = {404: "unknown_endpoint", 405: "method", 413: "too_large"}


def application(front: Front, answer: Answer, limits: config.Limits) -> web.Application:
    """Return the application: the closed list of endpoints, everything else 404.

    `answer` answers a request for an endpoint, on its way through `front`.
    """
    app = web.Application(client_max_size=limits.request_bytes)

    async def answered(endpoint: Endpoint, request: web.Request) -> web.StreamResponse:
        asked = request[_ASKED]
        reply = await answer(endpoint, asked)
        return asked.response(reply) if reply is not None else asked.begun

    @web.middleware
    async def passed(request: web.Request, handler: Handler) -> web.StreamResponse:
        asked = request[_ASKED] = Asked(request, limits, front)
        return await front.passed(
            asked, _name(request), lambda: _handled(request, handler, limits), asked.response
        )

    app.middlewares.append(passed)
    for endpoint in endpoints.ENDPOINTS:
        for name, path in endpoint.routes:
            resource = app.router.add_resource(path, name=name)
            for method in sorted(endpoint.methods):
                resource.add_route(method, functools.partial(answered, endpoint))
    return app


def _name(request: web.Request) -> str:
    """Return the name of the endpoint, `other` for none of ours."""
    resource = request.match_info.route.resource
    return ((resource.name if resource else None) or "other").rpartition(".")[2]


async def _handled(
    request: web.Request, handler: Handler, limits: config.Limits
) -> web.StreamResponse:
    """Return the response; what aiohttp raises becomes a `Failure`."""
    _check_framing(request)
    try:
        return await handler(request)
    except web.HTTPException as error:
        kind = _HTTP_KINDS.get(error.status, "malformed")
        raise Failure(
            kind, _http_text(kind, limits), allow=error.headers.get("Allow", "")
        ) from error


def _check_framing(request: web.Request) -> None:
    """Refuse what does not end where everybody takes it to end. Raises `Failure`."""
    codings = request.headers.getall("Transfer-Encoding", ())
    if not codings:
        return
    try:
        framing.check(request.version, codings)
    except Failure:
        request.protocol.close()  # what follows on this connection may be anything
        raise


def _http_text(kind: Kind, limits: config.Limits) -> str:
    match kind:
        case "unknown_endpoint":
            return "there is no such endpoint"
        case "method":
            return "the endpoint does not take this method"
        case "too_large":
            return f"the request is longer than request_bytes ({limits.request_bytes})"
        case _:
            return "the request cannot be read"


class Asked:
    """A request of aiohttp's; a `request.Request`."""

    visit: Visit
    begun: web.StreamResponse
    """The answer that comes in pieces, once it has begun."""

    def __init__(self, request: web.Request, limits: config.Limits, front: Front) -> None:
        self._request = request
        self._limits = limits
        self._front = front

    @property
    def method(self) -> str:
        """The method, in upper case."""
        return self._request.method

    @property
    def query(self) -> bytes:
        """What follows the `?` in the URL."""
        # What is not ASCII comes as surrogates; it counts as the bytes that were sent.
        return self._request.rel_url.raw_query_string.encode("utf-8", "surrogateescape")

    @property
    def tenant(self) -> str | None:
        """The tenant in the path."""
        return self._request.match_info.get("tenant")

    @property
    def label(self) -> str:
        """The label in the path."""
        return self._request.match_info.get("name", "")

    @property
    def peer(self) -> str | None:
        """Address at the other end of the connection."""
        found = self._request.get_extra_info("peername")
        return str(found[0]) if isinstance(found, tuple) else None

    @property
    def presented(self) -> Presented:
        """What it presents about its sender."""
        return Presented(
            peer=self.peer,
            certificate=peer_certificate.read(self._request.get_extra_info("peercert")),
            authorization=tuple(self.values("authorization")),
            keys=tuple(self.values(KEY_HEADER)),
        )

    def values(self, name: str) -> Sequence[str]:
        """Return every value of a header."""
        return self._request.headers.getall(name, ())

    async def body(self, media_type: str) -> bytes:
        """Return the body, which must be of this type where there is one. Raises `Failure`."""
        request = self._request
        types = self.values("content-type")
        if not types and not request.body_exists:
            return b""
        if list(types) != [media_type] and (
            len(types) != 1 or request.content_type != media_type or not _is_utf8(request.charset)
        ):
            raise Failure("media_type", f"the body must be {media_type}")
        if request.content.is_eof():  # it is here
            return self._not_too_long(request.content.read_nowait())
        try:
            async with asyncio.timeout(self._limits.read_seconds):
                return await request.read()
        except TimeoutError:
            text = f"the body did not arrive within read_seconds ({self._limits.read_seconds:g})"
            raise Failure("slow_request", text) from None
        except web.RequestPayloadError:
            raise Failure("malformed", "the body cannot be read") from None

    def _not_too_long(self, body: bytes) -> bytes:
        most = self._limits.request_bytes
        if len(body) > most:
            raise web.HTTPRequestEntityTooLarge(most)
        return body

    def response(self, reply: Reply) -> web.Response:
        """Return `reply` as aiohttp's."""
        response = web.Response(status=reply.status, body=reply.body, headers=reply.headers)
        self._complete(response)
        return response

    async def begin(self, headers: Mapping[str, str], length: int | None) -> None:
        """Begin an answer that comes in pieces."""
        self.begun = web.StreamResponse(headers=headers)
        self.begun.content_length = length
        self._complete(self.begun)
        await self.begun.prepare(self._request)

    def _complete(self, response: web.StreamResponse) -> None:
        response.headers[REQUEST_ID_HEADER] = self.visit.id
        if self._front.draining:
            response.headers["Connection"] = "close"
            response.force_close()

    async def write(self, chunk: bytes) -> None:
        """Send some more of it."""
        await self.begun.write(chunk)

    async def end(self) -> None:
        """Say that it is complete."""
        await self.begun.write_eof()

    def abort(self) -> None:
        """End the connection."""
        if self._request.transport is not None:
            self._request.transport.abort()


def _is_utf8(charset: str | None) -> bool:
    return charset is None or charset.lower() in ("utf-8", "utf8")


_ASKED = web.RequestKey("asked", Asked)
"""Where aiohttp's request keeps ours."""
