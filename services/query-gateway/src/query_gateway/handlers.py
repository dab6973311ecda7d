"""HTTP in, HTTP out: read a request, find out who asks, wait for a place, answer or say why not."""

import asyncio
import functools
import time
from collections.abc import Callable

from aiohttp import web

from query_gateway import config, endpoints, form, front, limits, parameters
from query_gateway.admission import Admission
from query_gateway.bucket import Buckets
from query_gateway.calls import PROTOBUF
from query_gateway.config import TenantLimits
from query_gateway.endpoints import Endpoint
from query_gateway.exchange import Asked, Exchange
from query_gateway.failures import Failure
from query_gateway.front import Front
from query_gateway.identity import tenant
from query_gateway.identity.modes import Modes
from query_gateway.identity.presented import TENANT_HEADER
from query_gateway.identity.principal import Principal
from query_gateway.identity.tenant import Named
from query_gateway.metrics import Metrics
from query_gateway.parameters import Arguments
from query_gateway.visit import digest

_FORM = "application/x-www-form-urlencoded"


class Gateway:
    """The tenants' port."""

    def __init__(
        self,
        *,
        front: Front,
        modes: Modes,
        exchange: Exchange,
        admission: Admission,
        metrics: Metrics,
        settings: config.Config,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._front = front
        self._modes = modes
        self._admission = admission
        self._metrics = metrics
        self._limits = settings.limits
        self._per_tenant = limits.PerTenant(settings.limits)
        self._buckets = Buckets()
        self._exchange = exchange
        self._clock = clock

    def application(self) -> web.Application:
        """Return the application: the closed list of endpoints, everything else 404."""
        app = web.Application(client_max_size=self._limits.request_bytes)
        self._front.install(app)
        for endpoint in endpoints.ENDPOINTS:
            for name, path in endpoint.routes:
                resource = app.router.add_resource(path, name=name)
                for method in sorted(endpoint.methods):
                    resource.add_route(method, functools.partial(self._handle, endpoint))
        return app

    async def _handle(self, endpoint: Endpoint, request: web.Request) -> web.StreamResponse:
        visit = request[front.VISIT]
        visit.principal = await self._identified(request)
        arguments = await self._read(endpoint, request)
        visit.digest = digest(_texts(arguments))
        places = Named(
            path=request.match_info.get("tenant"),
            headers=tuple(request.headers.getall(TENANT_HEADER, ())),
            parameter=arguments.single.get(endpoints.NAMESPACE),
        )
        named = tenant.named(places)
        visit.tenant = named or ""
        visit.tenant = await tenant.chosen(visit.principal, named)
        own = self._per_tenant.of(visit.tenant)
        self._check(endpoint, visit.tenant, arguments, own)
        async with self._admission.place(visit.tenant, own):
            # Rules are looked up after the wait: what was permitted before it may not be any more.
            return await self._exchange.answer(
                Asked(
                    endpoint=endpoint,
                    tenant=visit.tenant,
                    arguments=arguments,
                    limits=own,
                    request=request,
                )
            )

    async def _identified(self, request: web.Request) -> Principal:
        try:
            principal = await self._modes.identify(front.presented(request))
        except Failure:
            self._metrics.identified_by("none")
            raise
        self._metrics.identified_by(principal.mode)
        return principal

    def _check(
        self, endpoint: Endpoint, name: str, arguments: Arguments, own: TenantLimits
    ) -> None:
        """Refuse what is more than the tenant may ask for, before it waits. Raises `Failure`."""
        rate = own.requests_per_second
        if wait := self._buckets.take(name, rate, own.burst, self._clock()):
            text = f"the limit requests_per_second is {rate:g}"
            raise Failure("too_many", text, retry_after=wait)
        if endpoint.takes_query and endpoint.upstream:
            # Elsewhere times only choose blocks of the index; promtool asks from 1970 on.
            limits.check_range(arguments.single, own)

    async def _read(self, endpoint: Endpoint, request: web.Request) -> Arguments:
        """Read the request's parameters, each once. Raises `Failure`."""
        encoding = request.headers.getall("Content-Encoding", [])
        if encoding != (["snappy"] if endpoint.takes_message else []):
            wanted = "snappy is the" if endpoint.takes_message else "there is no"
            raise Failure("media_type", f"{wanted} Content-Encoding that is accepted here")
        # What is not ASCII in the URL comes as surrogates; it counts as the bytes that were sent.
        url = request.rel_url.raw_query_string.encode("utf-8", "surrogateescape")
        body = await self._body(endpoint, request) if request.method == "POST" else b""
        return parameters.read(
            endpoint,
            form.decode(url, "URL"),
            () if endpoint.takes_message else form.decode(body, "body"),
            request.match_info.get("name", ""),
            accept=", ".join(request.headers.getall("Accept", [])),
            message=body if endpoint.takes_message else b"",
        )

    async def _body(self, endpoint: Endpoint, request: web.Request) -> bytes:
        types = request.headers.getall("Content-Type", [])
        if not types and not request.body_exists:
            return b""
        wanted = PROTOBUF if endpoint.takes_message else _FORM
        if types != [wanted] and (
            len(types) != 1 or request.content_type != wanted or not _is_utf8(request.charset)
        ):
            raise Failure("media_type", f"the body must be {wanted}")
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


def _texts(arguments: Arguments) -> tuple[str, ...]:
    """Return what is asked for, apart from when."""
    query = arguments.single.get(endpoints.QUERY)
    return (*((query,) if query else ()), *arguments.selectors)


def _is_utf8(charset: str | None) -> bool:
    return charset is None or charset.lower() in ("utf-8", "utf8")
