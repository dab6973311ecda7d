"""Let a trace that a tenant began go on at the backends (W3C Trace Context).

Only `traceparent` is passed on, rebuilt from what was read. `tracestate` and `baggage` can hold
anything, and a backend may act on it.
"""

import contextlib
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextvars import ContextVar
from typing import Protocol

from query_gateway import config
from query_gateway.visit import Visit
from tenantry_common import errors

_FORM = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
_LENGTH = 55  # of version 00; a later one may go on after a dash
_SAMPLED = 0x01


_NO_TRACE = contextlib.nullcontext()
_NO_HEADER: contextlib.nullcontext[dict[str, str]] = contextlib.nullcontext({})


class Tracing(Protocol):
    """What becomes of traces."""

    def request(
        self, visit: Visit, traceparent: Sequence[str]
    ) -> contextlib.AbstractContextManager[None]:
        """Return the context of one request that came with these headers."""
        ...

    def upstream(self) -> contextlib.AbstractContextManager[dict[str, str]]:
        """Return the context of one upstream request, and what it is sent along."""
        ...


def read(values: Sequence[str]) -> str:
    """Return the `traceparent` to pass on, the empty string where there is none that is well-formed."""
    found = _FORM.fullmatch(values[0]) if len(values) == 1 else None
    if found is None or (values[0].startswith("00-") and len(values[0]) != _LENGTH):
        return ""
    trace, parent, flags = found.groups()
    if not int(trace, 16) or not int(parent, 16):
        return ""
    return f"00-{trace}-{parent}-{int(flags, 16) & _SAMPLED:02x}"


@contextlib.asynccontextmanager
async def configured(settings: config.Tracing, instance: str) -> AsyncIterator[Tracing]:
    """Yield what becomes of traces; at the end, those that are under way are sent.

    Raises `errors.ConfigError` where the extra `otel` is needed and missing.
    """
    if not settings.otlp_endpoint:
        yield PassOn()
        return
    try:
        from query_gateway import telemetry

        exporter = telemetry.otlp(settings.otlp_endpoint)
    except ImportError as error:
        raise errors.ConfigError(
            f"$.tracing.otlp_endpoint: needs tenantry-query-gateway[otel]: {error}"
        ) from error
    async with telemetry.exporting(settings, instance, exporter) as made:
        yield made


class PassOn:
    """Pass the tenant's trace on as it is, and add nothing of our own."""

    def __init__(self) -> None:
        self._current: ContextVar[str] = ContextVar("traceparent", default="")

    def request(
        self, visit: Visit, traceparent: Sequence[str]
    ) -> contextlib.AbstractContextManager[None]:
        """Return a context that remembers the tenant's trace."""
        found = read(traceparent) if traceparent else ""
        return self._remembered(found) if found else _NO_TRACE

    @contextlib.contextmanager
    def _remembered(self, trace: str) -> Iterator[None]:
        token = self._current.set(trace)
        try:
            yield
        finally:
            self._current.reset(token)

    def upstream(self) -> contextlib.AbstractContextManager[dict[str, str]]:
        """Return the context with the header of the tenant's trace."""
        current = self._current.get()
        return contextlib.nullcontext({"traceparent": current}) if current else _NO_HEADER
