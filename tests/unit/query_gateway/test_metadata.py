"""Metadata is shown of what a tenant sees series of."""

from typing import Any

import msgspec
import pytest

import tenantry_promql as promql
from query_gateway import metadata
from query_gateway.answers import NotAnAnswer, Violation
from query_gateway.calls import Call
from query_gateway.endpoints import ENDPOINTS
from query_gateway.failures import Failure
from query_gateway.parameters import Arguments

ENDPOINT = {endpoint.name: endpoint for endpoint in ENDPOINTS}
RULES = promql.RuleSet([promql.parse_rule('{namespace="shop"}')])
COUNTER = {"type": "counter", "help": "h", "unit": ""}
HISTOGRAM = {"type": "histogram", "help": "h", "unit": "s"}


def encoded(data: object) -> bytes:
    return msgspec.json.encode({"status": "success", "data": data})


def calls(endpoint: str, **single: str) -> tuple[Call, ...]:
    arguments = Arguments(single=single)
    upstream = promql.Upstream.strictest()
    return metadata.calls(
        ENDPOINT[endpoint], arguments, RULES, upstream, promql.Limits(), now=10_000.0, timeout=1.0
    )


def families(data: object, names: list[str], **single: str) -> Any:
    body = metadata.families([encoded(data), encoded(names)], Arguments(single=single), RULES)
    return msgspec.json.decode(body)["data"]


def targets(data: object, series: list[dict[str, str]], **single: str) -> Any:
    body = metadata.targets([encoded(data), encoded(series)], Arguments(single=single), RULES)
    return msgspec.json.decode(body)["data"]


def test_the_names_that_the_tenant_sees_are_asked_for() -> None:
    assert calls("metadata") == (
        Call(method="GET", path="/api/v1/metadata"),
        Call(
            method="GET",
            path="/api/v1/label/__name__/values",
            form=(("match[]", '{namespace="shop"}'), ("start", "6400.000")),
        ),
    )


def test_for_targets_the_series_are_asked_for() -> None:
    described, seen = calls("targets_metadata", metric="up", match_target='{job="a"}')

    assert described == Call(
        method="GET", path="/api/v1/targets/metadata", form=(("metric", "up"),)
    )
    assert (seen.method, seen.path) == ("POST", "/api/v1/series")
    assert ("match[]", 'up{namespace="shop"}') in seen.form
    assert ("match[]", 'up_total{namespace="shop"}') in seen.form


@pytest.mark.parametrize(
    ("family", "entry", "name", "shown"),
    [
        pytest.param("up", {"type": "gauge", "help": "", "unit": ""}, "up", True, id="the name"),
        pytest.param("up", COUNTER, "down", False, id="another name"),
        pytest.param("x", COUNTER, "x_total", True, id="a counter's"),
        pytest.param("x", HISTOGRAM, "x_bucket", True, id="a histogram's"),
        pytest.param("x", HISTOGRAM, "x_total", False, id="not a histogram's"),
        pytest.param("x", {**COUNTER, "type": "unknown"}, "x_total", False, id="of no kind"),
    ],
)
def test_a_family_is_shown_with_one_of_its_series(
    family: str, entry: dict[str, str], name: str, shown: bool
) -> None:
    assert families({family: [entry]}, [name]) == ({family: [entry]} if shown else {})


def test_limits_count_what_is_shown() -> None:
    data = {"a": [COUNTER], "b": [COUNTER, HISTOGRAM], "c": [COUNTER], "hidden": [COUNTER]}
    names = ["a", "b", "c"]

    assert set(families(data, names, limit="2")) == {"a", "b"}
    assert families(data, names, limit="0") == {}
    assert set(families(data, names, limit="-1")) == {"a", "b", "c"}
    assert families(data, names, limit_per_metric="1")["b"] == [COUNTER]
    with pytest.raises(Failure):
        families(data, names, limit="x")
    with pytest.raises(Failure):
        families(data, names, limit_per_metric="-")


def test_a_name_that_no_rule_permits_is_a_violation() -> None:
    rules = promql.RuleSet([promql.parse_rule("shop_.*")])

    with pytest.raises(Violation):
        metadata.families([encoded({}), encoded(["bank_total"])], Arguments(single={}), rules)


def test_a_target_is_shown_with_a_series_that_carries_its_labels() -> None:
    own = {"target": {"instance": "a", "job": "x"}, "metric": "m", **COUNTER}
    other = {"target": {"instance": "b", "job": "x"}, "metric": "m", **COUNTER}
    elsewhere = {"target": {"instance": "a", "job": "x"}, "metric": "n", **COUNTER}
    longer = {"target": {"instance": "a", "job": "x", "zone": "1"}, "metric": "m", **COUNTER}
    series = [{"__name__": "m_total", "instance": "a", "job": "x", "namespace": "shop"}]

    assert targets([own, other, elsewhere, longer], series) == [own]


def test_a_targets_metric_may_be_the_one_that_is_asked_for() -> None:
    entry = {"target": {"job": "x"}, **COUNTER}
    series = [{"__name__": "m", "job": "x", "namespace": "shop"}]

    assert targets([entry], series, metric="m") == [entry]
    assert targets([entry], series, metric="n") == []


def test_targets_are_chosen_and_counted_here() -> None:
    entries = [{"target": {"job": job}, "metric": "m", **COUNTER} for job in "abc"]
    series = [{"__name__": "m", "job": job, "namespace": "shop"} for job in "abc"]

    assert targets(entries, series, match_target='{job=~"b|c"}') == entries[1:]
    assert targets(entries, series, limit="1") == entries[:1]
    with pytest.raises(Failure):
        targets(entries, series, match_target="{")


def test_a_series_that_is_not_permitted_is_a_violation() -> None:
    with pytest.raises(Violation):
        targets([], [{"__name__": "m", "namespace": "bank"}])


def test_an_answer_that_is_none_is_not_shown() -> None:
    with pytest.raises(NotAnAnswer):
        metadata.families([b'{"status":"error"}', encoded([])], Arguments(single={}), RULES)
    with pytest.raises(NotAnAnswer):
        metadata.targets([b"[]", encoded([])], Arguments(single={}), RULES)
