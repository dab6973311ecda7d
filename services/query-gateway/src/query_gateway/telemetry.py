"""Traces of our own by OpenTelemetry: a span per request, and one per request to a backend.

Needs the extra `otel` (``tenantry-query-gateway[otel]``), and is imported only where it is
configured. Spans hold what the audit holds, never a query.
"""

import asyncio
import contextlib
import importlib
from collections.abc import AsyncIterator, Iterator, Sequence

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from query_gateway import config, tracing
from query_gateway.visit import Visit

_HEADER = "traceparent"


class OpenTelemetry:
    """Tracing that begins spans; a `tracing.Tracing`."""

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = provider.get_tracer("query_gateway")
        self._propagator = TraceContextTextMapPropagator()

    @contextlib.contextmanager
    def request(self, visit: Visit, traceparent: Sequence[str]) -> Iterator[None]:
        """Begin the span of a request, below the tenant's if that came along."""
        parent = self._propagator.extract({_HEADER: tracing.read(traceparent)})
        with self._tracer.start_as_current_span(
            visit.endpoint, context=parent, kind=SpanKind.SERVER, record_exception=False
        ) as span:
            try:
                yield
            finally:
                span.set_attributes(
                    {
                        "tenantry.request_id": visit.id,
                        "tenantry.tenant": visit.tenant,
                        "tenantry.query_digest": visit.digest,
                        "client.address": visit.peer,
                    }
                )

    @contextlib.contextmanager
    def upstream(self) -> Iterator[dict[str, str]]:
        """Begin the span of a request to a backend, and yield its header."""
        with self._tracer.start_as_current_span(
            "backend", kind=SpanKind.CLIENT, record_exception=False
        ):
            carrier: dict[str, str] = {}
            self._propagator.inject(carrier)
            yield {name: value for name, value in carrier.items() if name == _HEADER}


@contextlib.asynccontextmanager
async def exporting(
    settings: config.Tracing, instance: str, exporter: SpanExporter
) -> AsyncIterator[OpenTelemetry]:
    """Yield tracing whose spans go to `exporter`; at the end the last ones are sent."""
    provider = TracerProvider(
        resource=Resource.create(
            {"service.name": "tenantry-query-gateway", "service.instance.id": instance}
        ),
        sampler=ParentBased(TraceIdRatioBased(settings.sampled_share)),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(BatchSpanProcessor(exporter))
    try:
        yield OpenTelemetry(provider)
    finally:
        await asyncio.to_thread(provider.shutdown)


def otlp(endpoint: str) -> SpanExporter:
    """Return an exporter for OTLP over HTTP. Raises ImportError without the extra."""
    # By name: it is the only part of the extra that is not needed to type-check and test this.
    module = importlib.import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
    exporter: SpanExporter = module.OTLPSpanExporter(endpoint=endpoint)
    return exporter
