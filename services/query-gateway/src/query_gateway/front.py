"""What happens to every request before and after its endpoint: id, trace, envelope, counts, audit."""

import logging
import time
from collections.abc import Awaitable, Callable

from query_gateway import responses
from query_gateway.audit import Audit
from query_gateway.failures import Failure, Kind
from query_gateway.inbound.request import Request
from query_gateway.metrics import Metrics
from query_gateway.responses import Reply
from query_gateway.tracing import Tracing
from query_gateway.visit import REQUEST_ID_HEADER, Ids, Visit, request_id
from tenantry_common import logs

_log = logging.getLogger(__name__)

_OURS: frozenset[Kind] = frozenset({"policies", "backends", "identity", "timeout", "violation"})
"""Failures that the operator wants to know of; the others are what tenants ask."""

_ANSWERED = 200
"""The status of everything that is no failure."""
_CLIENT_GONE = 499
_ID = REQUEST_ID_HEADER.lower()


class Front:
    """What requests go through, whoever read them."""

    def __init__(
        self,
        *,
        metrics: Metrics,
        audit: Audit,
        tracing: Tracing,
        knows: Callable[[str], bool],
    ) -> None:
        self._metrics = metrics
        self._audit = audit
        self._tracing = tracing
        self._knows = knows
        self._throttle = logs.Throttle(30)
        self._ids = Ids()
        self.draining = False
        """Whether connections are to be closed after their next answer."""

    async def passed[T](
        self,
        request: Request,
        endpoint: str,
        answer: Callable[[], Awaitable[T]],
        refused: Callable[[Reply], T],
    ) -> T:
        """Return what `answer` returns; every failure has its envelope, which `refused` makes a T of.

        `endpoint` is its name. Raises nothing but what cancels the task.
        """
        visit = request.visit = Visit(
            id=request_id(request.values(_ID), self._ids.new),
            endpoint=endpoint,
            peer=request.peer or "",
        )
        started = time.perf_counter()
        status, outcome = _CLIENT_GONE, "gone"
        try:
            with self._tracing.request(visit, request.values("traceparent")):
                try:
                    answered = await answer()
                    status = _ANSWERED
                    outcome = "broken off" if visit.broken_off else "answered"
                except Exception as error:  # the top of a request: the next one must not suffer
                    failure = self._failure(error, visit)
                    answered = refused(responses.error(failure))
                    status, outcome = failure.status, failure.kind
            return answered
        finally:
            seconds = time.perf_counter() - started
            tenant = visit.tenant if self._knows(visit.tenant) else ""
            self._metrics.answered(visit.endpoint, tenant, status, seconds)
            self._audit.record(visit, outcome=outcome, status=status, seconds=seconds)

    def _failure(self, error: Exception, visit: Visit) -> Failure:
        """Return why the request is not answered, after the operator was told."""
        failure = error if isinstance(error, Failure) else None
        if failure is None:
            _log.error(
                "request failed unexpectedly",
                extra={"endpoint": visit.endpoint, "request_id": visit.id},
                exc_info=error,
            )
            failure = Failure("internal", "internal error of the gateway")
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
        return failure
