"""What happens to every request before and after its endpoint: id, trace, envelope, counts, audit."""

import logging
import time
from collections.abc import Callable

from aiohttp import web
from aiohttp.typedefs import Handler

from query_gateway import config, framing, responses
from query_gateway.audit import Audit
from query_gateway.failures import Failure, Kind
from query_gateway.identity.presented import KEY_HEADER, Presented
from query_gateway.metrics import Metrics
from query_gateway.tracing import Tracing
from query_gateway.visit import REQUEST_ID_HEADER, Ids, Visit, request_id
from tenantry_common import logs, peer_certificate

_log = logging.getLogger(__name__)

VISIT = web.RequestKey("visit", Visit)
"""Where a request keeps its visit."""

_OURS: frozenset[Kind] = frozenset({"policies", "backends", "identity", "timeout", "violation"})
"""Failures that the operator wants to know of; the others are what tenants ask."""

_HTTP_KINDS: dict[int, Kind] = {404: "unknown_endpoint", 405: "method", 413: "too_large"}
_CLIENT_GONE = 499


class Front:
    """The middleware of the tenants' port."""

    def __init__(
        self,
        *,
        metrics: Metrics,
        audit: Audit,
        tracing: Tracing,
        limits: config.Limits,
        knows: Callable[[str], bool],
    ) -> None:
        self._metrics = metrics
        self._audit = audit
        self._tracing = tracing
        self._limits = limits
        self._knows = knows
        self._throttle = logs.Throttle(30)
        self._ids = Ids()
        self.draining = False
        """Whether connections are to be closed after their next answer."""

    def install(self, app: web.Application) -> None:
        """Let every request of `app` pass through here."""
        app.middlewares.append(self._passed)
        app.on_response_prepare.append(self._prepare)

    @web.middleware
    async def _passed(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        resource = request.match_info.route.resource
        visit = Visit(
            id=request_id(request.headers.getall(REQUEST_ID_HEADER, ()), self._ids.new),
            endpoint=((resource.name if resource else None) or "other").rpartition(".")[2],
            peer=peer(request) or "",
        )
        request[VISIT] = visit
        started = time.perf_counter()
        status, outcome = _CLIENT_GONE, "gone"
        try:
            with self._tracing.request(visit, request.headers.getall("traceparent", ())):
                response, outcome = await self._answered(request, handler, visit)
            status = response.status
            return response
        finally:
            seconds = time.perf_counter() - started
            tenant = visit.tenant if self._knows(visit.tenant) else ""
            self._metrics.answered(visit.endpoint, tenant, status, seconds)
            self._audit.record(visit, outcome=outcome, status=status, seconds=seconds)

    async def _answered(
        self, request: web.Request, handler: Handler, visit: Visit
    ) -> tuple[web.StreamResponse, str]:
        """Return the answer and what became of the request; every failure has its envelope."""
        try:
            _check_framing(request)
            response = await handler(request)
            return response, "broken off" if visit.broken_off else "answered"
        except Failure as failure:
            return self._failed(failure, visit), failure.kind
        except web.HTTPException as error:
            kind = _HTTP_KINDS.get(error.status, "malformed")
            answer = self._failed(Failure(kind, _http_text(kind, self._limits)), visit)
            if "Allow" in error.headers:
                answer.headers["Allow"] = error.headers["Allow"]
            return answer, kind
        except Exception:  # the top of a request: the next one must not suffer
            _log.exception(
                "request failed unexpectedly",
                extra={"endpoint": visit.endpoint, "request_id": visit.id},
            )
            internal = Failure("internal", "internal error of the gateway")
            return self._failed(internal, visit), internal.kind

    def _failed(self, failure: Failure, visit: Visit) -> web.Response:
        self._metrics.refused.labels(failure.kind).inc()
        if failure.kind in _OURS and self._throttle.allow(f"{failure.kind} {visit.endpoint}"):
            _log.warning(
                "request not answered",
                extra={
                    "endpoint": visit.endpoint,
                    "reason": failure.kind,
                    "error": failure.text,
                    "request_id": visit.id,
                },
            )
        return responses.error(failure)

    async def _prepare(self, request: web.Request, response: web.StreamResponse) -> None:
        """Complete the head of every answer, streamed ones too."""
        if (visit := request.get(VISIT)) is not None:
            response.headers[REQUEST_ID_HEADER] = visit.id
        if self.draining:
            response.headers["Connection"] = "close"
            response.force_close()


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


def presented(request: web.Request) -> Presented:
    """Return what `request` presents about its sender."""
    return Presented(
        peer=peer(request),
        certificate=peer_certificate.read(request.get_extra_info("peercert")),
        authorization=tuple(request.headers.getall("Authorization", ())),
        keys=tuple(request.headers.getall(KEY_HEADER, ())),
    )


def peer(request: web.Request) -> str | None:
    """Return the address at the other end of the connection, None for none."""
    found = request.get_extra_info("peername")
    return str(found[0]) if isinstance(found, tuple) else None


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
