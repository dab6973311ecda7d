"""Spans hold who and where, go on at the backends, and never hold a query."""

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from query_gateway import config, telemetry
from query_gateway.telemetry import OpenTelemetry
from query_gateway.visit import Visit

TRACE, PARENT = 0x0AF7651916CD43DD8448EB211C80319C, 0xB7AD6B7169203331
HEADER = f"00-{TRACE:032x}-{PARENT:016x}-01"


def test_a_request_and_its_backend_are_spans_of_the_tenants_trace() -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    traces = OpenTelemetry(provider)
    visit = Visit(id="r1", endpoint="query", peer="10.0.0.1")

    with traces.request(visit, [HEADER]):
        visit.tenant, visit.digest = "shop", "d"
        with traces.upstream() as headers:
            pass

    backend, request = exporter.get_finished_spans()
    assert (backend.context.trace_id, request.context.trace_id) == (TRACE, TRACE)
    assert (request.parent and request.parent.span_id) == PARENT
    assert (backend.parent and backend.parent.span_id) == request.context.span_id
    assert headers == {"traceparent": f"00-{TRACE:032x}-{backend.context.span_id:016x}-01"}
    assert dict(request.attributes or {}) == {
        "tenantry.request_id": "r1",
        "tenantry.tenant": "shop",
        "tenantry.query_digest": "d",
        "client.address": "10.0.0.1",
    }


def test_a_request_without_a_trace_begins_one() -> None:
    traces = OpenTelemetry(TracerProvider(shutdown_on_exit=False))

    with traces.request(Visit(id="a", endpoint="query"), []), traces.upstream() as first:
        pass
    with traces.request(Visit(id="b", endpoint="query"), []), traces.upstream() as second:
        pass

    assert first["traceparent"].split("-")[1] != second["traceparent"].split("-")[1]


async def test_what_is_under_way_is_sent_at_the_end() -> None:
    exporter = InMemorySpanExporter()

    async with telemetry.exporting(config.Tracing(sampled_share=1), "i", exporter) as traces:
        with traces.request(Visit(id="a", endpoint="query"), []):
            pass

    (span,) = exporter.get_finished_spans()
    assert span.name == "query"
    assert span.resource.attributes["service.instance.id"] == "i"
