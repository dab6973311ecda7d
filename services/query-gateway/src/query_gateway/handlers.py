"""Read a request, find out who asks, wait for a place, answer or say why not."""

import time
from collections.abc import Callable

from query_gateway import config, endpoints, form, limits, parameters
from query_gateway.admission import Admission
from query_gateway.bucket import Buckets
from query_gateway.calls import PROTOBUF
from query_gateway.config import TenantLimits
from query_gateway.endpoints import Endpoint
from query_gateway.exchange import Asked, Exchange
from query_gateway.failures import Failure
from query_gateway.identity import tenant
from query_gateway.identity.modes import Modes
from query_gateway.identity.presented import TENANT_HEADER, Presented
from query_gateway.identity.principal import Principal
from query_gateway.identity.tenant import Named
from query_gateway.inbound.head import FORM
from query_gateway.inbound.request import Request
from query_gateway.metrics import Metrics
from query_gateway.parameters import Arguments
from query_gateway.responses import Reply
from query_gateway.visit import digest

_TENANT = TENANT_HEADER.lower()


class Gateway:
    """The tenants' port."""

    def __init__(
        self,
        *,
        modes: Modes,
        exchange: Exchange,
        admission: Admission,
        metrics: Metrics,
        settings: config.Config,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._modes = modes
        self._admission = admission
        self._metrics = metrics
        self._per_tenant = limits.PerTenant(settings.limits)
        self._buckets = Buckets()
        self._exchange = exchange
        self._clock = clock

    async def answer(self, endpoint: Endpoint, request: Request) -> Reply | None:
        """Return the answer; None says that it was sent in pieces. Raises `Failure`."""
        visit = request.visit
        visit.principal = await self._identified(request.presented)
        arguments = await self._read(endpoint, request)
        visit.digest = digest(_texts(arguments))
        places = Named(
            path=request.tenant,
            headers=request.values(_TENANT),
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

    async def _identified(self, presented: Presented) -> Principal:
        try:
            principal = await self._modes.identify(presented)
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

    async def _read(self, endpoint: Endpoint, request: Request) -> Arguments:
        """Read the request's parameters, each once. Raises `Failure`."""
        encoding = list(request.values("content-encoding"))
        if encoding != (["snappy"] if endpoint.takes_message else []):
            wanted = "snappy is the" if endpoint.takes_message else "there is no"
            raise Failure("media_type", f"{wanted} Content-Encoding that is accepted here")
        media_type = PROTOBUF if endpoint.takes_message else FORM
        body = await request.body(media_type) if request.method == "POST" else b""
        return parameters.read(
            endpoint,
            form.decode(request.query, "URL"),
            () if endpoint.takes_message else form.decode(body, "body"),
            request.label,
            accept=", ".join(request.values("accept")),
            message=body if endpoint.takes_message else b"",
        )


def _texts(arguments: Arguments) -> tuple[str, ...]:
    """Return what is asked for, apart from when."""
    query = arguments.single.get(endpoints.QUERY)
    return (*((query,) if query else ()), *arguments.selectors)
