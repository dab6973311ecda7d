"""A trace that is well-formed goes on at the backends, and nothing else does."""

import sys

import pytest

from query_gateway import config, tracing
from query_gateway.tracing import PassOn
from query_gateway.visit import Visit
from tenantry_common import errors

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param([f"00-{TRACE}-{PARENT}-01"], f"00-{TRACE}-{PARENT}-01", id="sampled"),
        pytest.param([f"00-{TRACE}-{PARENT}-00"], f"00-{TRACE}-{PARENT}-00", id="not sampled"),
        pytest.param([f"00-{TRACE}-{PARENT}-ff"], f"00-{TRACE}-{PARENT}-01", id="unknown flags"),
        pytest.param(
            [f"cc-{TRACE}-{PARENT}-01-x"], f"00-{TRACE}-{PARENT}-01", id="a later version"
        ),
        pytest.param([], "", id="none"),
        pytest.param([""], "", id="empty"),
        pytest.param([f"00-{TRACE}-{PARENT}-01"] * 2, "", id="two"),
        pytest.param([f"00-{TRACE}-{PARENT}-01-x"], "", id="more than version 00 has"),
        pytest.param([f"ff-{TRACE}-{PARENT}-01"], "", id="version ff"),
        pytest.param([f"00-{'0' * 32}-{PARENT}-01"], "", id="no trace"),
        pytest.param([f"00-{TRACE}-{'0' * 16}-01"], "", id="no parent"),
        pytest.param([f"00-{TRACE.upper()}-{PARENT}-01"], "", id="upper case"),
        pytest.param([f"00-{TRACE}-{PARENT}-01\n"], "", id="a line break"),
        pytest.param([f"00-{TRACE}-{PARENT}-01, x"], "", id="a list"),
    ],
)
def test_reading(given: list[str], expected: str) -> None:
    assert tracing.read(given) == expected


def test_a_trace_lasts_as_long_as_its_request() -> None:
    passed = PassOn()
    visit = Visit(id="x", endpoint="query")
    seen = []

    for given in ([f"00-{TRACE}-{PARENT}-01"], []):
        with passed.request(visit, given), passed.upstream() as headers:
            seen.append(headers)
    with passed.upstream() as headers:
        seen.append(headers)

    assert seen == [{"traceparent": f"00-{TRACE}-{PARENT}-01"}, {}, {}]


async def test_without_a_collector_traces_are_passed_on() -> None:
    async with tracing.configured(config.Tracing(), "i") as found:
        assert isinstance(found, PassOn)


async def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)

    with pytest.raises(errors.ConfigError, match=r"otlp_endpoint: needs .*\[otel\]"):
        async with tracing.configured(config.Tracing(otlp_endpoint="http://x"), "i"):
            pass
