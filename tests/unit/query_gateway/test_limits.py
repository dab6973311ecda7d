"""A request that asks for more than its tenant may is refused with the limit's name and value."""

import re

import pytest

import tenantry_promql as promql
from query_gateway import limits
from query_gateway.config import Limits, TenantLimits
from query_gateway.failures import Failure

OWN = TenantLimits(range_seconds=3600, points=100)


@pytest.mark.parametrize(
    "parameters",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"start": "0"}, id="no end"),
        pytest.param({"start": "0", "end": "3600"}, id="as long as may be"),
        pytest.param({"start": "0", "end": "3600", "step": "36"}, id="as fine as may be"),
        pytest.param({"start": "-1.5e3", "end": "+2100.0", "step": "36s"}, id="numbers"),
        pytest.param({"start": ".5", "end": "1.", "step": "10ms"}, id="numbers with a dot alone"),
        pytest.param(
            {"start": "2026-01-01T00:00:00Z", "end": "2026-01-01T02:00:00+01:00", "step": "1m"},
            id="dates",
        ),
        pytest.param(
            {"start": "2026-01-01T00:00:00.123456789Z", "end": "2026-01-01T00:00:01Z"},
            id="nanoseconds",
        ),
        pytest.param(
            {"start": "0", "end": "1000", "step": "0"}, id="no step, the backend's matter"
        ),
        pytest.param({"start": "0", "end": "1000", "step": "-1"}, id="a negative one, too"),
        pytest.param({"start": "10", "end": "0", "step": "1"}, id="backwards, too"),
        pytest.param({"time": "x", "step": "y"}, id="what is not looked at"),
    ],
)
def test_what_is_allowed(parameters: dict[str, str]) -> None:
    limits.check_range(parameters, OWN)


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        pytest.param(
            {"start": "0", "end": "3601"},
            "the limit range_seconds is 3600, and the request asks for 3601 s",
            id="too long",
        ),
        pytest.param(
            {"start": "2026-01-01T00:00:00Z", "end": "2026-01-01T00:00:01-01:00"},
            "the limit range_seconds is 3600, and the request asks for 3601 s",
            id="too long, in dates",
        ),
        pytest.param(
            {"start": "0", "end": "3600", "step": "1"},
            "the limit points is 100 per series, and the request asks for 3600",
            id="too fine",
        ),
        pytest.param(
            {"start": "0", "end": "3600", "step": "0m30s"},
            "the limit points is 100 per series, and the request asks for 120",
            id="too fine, as a duration",
        ),
        pytest.param(
            {"start": "0", "end": "1", "step": "1e-3"},
            "the limit points is 100 per series, and the request asks for 1000",
            id="too fine, as a small number",
        ),
    ],
)
def test_what_is_more_is_refused(parameters: dict[str, str], text: str) -> None:
    with pytest.raises(Failure, match=re.escape(text)) as raised:
        limits.check_range(parameters, OWN)

    assert raised.value.status == 422


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param(name, value, id=f"{name}: {value!r}")
        for name, value in [
            ("start", "yesterday"),
            ("start", "NaN"),
            ("start", "-Inf"),
            ("start", "1e999"),
            ("start", "0x10"),
            ("start", "1_000"),
            ("start", " 1"),
            ("start", "\u0661"),
            ("start", "2026-01-01T00:00:00"),
            ("end", "2026-13-01T00:00:00Z"),
            ("step", "1h1"),
            ("step", "1m1h"),
            ("step", "s"),
            ("step", "inf"),
            ("step", "1 s"),
        ]
    ],
)
def test_what_backends_might_read_otherwise_is_refused(name: str, value: str) -> None:
    with pytest.raises(Failure, match=f'invalid parameter "{name}": cannot parse') as raised:
        limits.check_range({"start": "0", "end": "1", "step": "1", name: value}, OWN)

    assert raised.value.status == 400


@pytest.mark.parametrize(
    ("query", "seconds"),
    [
        pytest.param("up", 0, id="no range"),
        pytest.param("rate(up[5m])", 300, id="a range selector"),
        pytest.param("rate(up[5m]) + rate(up[1h])", 3600, id="the longest counts"),
        pytest.param("max_over_time(rate(up[5m])[1h:1m])", 3900, id="a subquery and what is in it"),
        pytest.param("sum(rate(up[5m] offset 30d))", 300, id="an offset moves"),
        pytest.param("topk(scalar(rate(up[10m])), up)", 600, id="in a parameter"),
        pytest.param('label_replace(up, "a", "[5m]", "b", "")', 0, id="in a text"),
        pytest.param("up[", 0, id="what cannot be read is refused elsewhere"),
        pytest.param("(" * 200 + "up[5m]" + ")" * 200, 0, id="what is too deep, too"),
        pytest.param("(" + " + ".join(["rate(up[5m])"] * 500) + ")", 300, id="a long query"),
    ],
)
def test_how_far_a_query_reaches(query: str, seconds: float) -> None:
    assert limits.reach(query, TenantLimits()) == seconds


@pytest.mark.parametrize(
    ("parameters", "refused"),
    [
        pytest.param({"query": "up[1h]"}, False, id="as far as may be"),
        pytest.param({"query": "up[61m]"}, True, id="an instant query that reaches too far"),
        pytest.param(
            {"query": "rate(up[10m])", "start": "0", "end": "3000"}, False, id="both together"
        ),
        pytest.param(
            {"query": "rate(up[10m])", "start": "0", "end": "3001"}, True, id="too far together"
        ),
        pytest.param(
            {"query": "up[61m]", "start": "9999", "end": "0"}, True, id="backwards saves nothing"
        ),
    ],
)
def test_what_a_query_reaches_counts(parameters: dict[str, str], refused: bool) -> None:
    if not refused:
        limits.check_range(parameters, OWN)
        return
    with pytest.raises(Failure, match="the limit range_seconds is 3600"):
        limits.check_range(parameters, OWN)


def test_a_tenant_has_its_own_limits_or_those_of_all() -> None:
    common = Limits(points=5, overrides={"shop": {"points": 9}})
    per_tenant = limits.PerTenant(common)

    assert [per_tenant.of(name).points for name in ("shop", "bank")] == [9, 5]


def test_the_rewriting_has_the_tenants_limits() -> None:
    own = TenantLimits(query_bytes=1, pieces=2, output_bytes=3)

    assert limits.for_promql(own) == promql.Limits(query_bytes=1, pieces=2, output_bytes=3)
