"""What a tenant asks of each endpoint, what reaches a backend, and what the tenant is answered."""

import json
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from query_gateway import config
from query_gateway.testing import (
    Answer,
    FakePrometheus,
    Harness,
    Seen,
    error_answer,
    gateway,
    json_answer,
)

TENANT = {"X-Tenant-Namespace": "shop"}
OWN = {"__name__": "up", "namespace": "shop"}
FOREIGN = {"__name__": "up", "namespace": "bank"}


def text_answer(content_type: str, *parts: bytes, status: int = 200) -> Answer:
    """Return an answer that comes in `parts`."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=status, headers={"Content-Type": content_type})
        await response.prepare(request)
        for part in parts:
            await response.write(part)
        return response

    return answer


def by_path(**answers: Answer) -> Answer:
    """Return an answer that depends on the last part of the path, dots for slashes."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return await answers[request.path.rpartition("/")[2]](request)

    return answer


async def ask(harness: Harness, path: str, **more: Any) -> aiohttp.ClientResponse:
    return await harness.client.get(path, headers=TENANT, **more)


def violations(harness: Harness, endpoint: str) -> float | None:
    name = "tenantry_query_gateway_violations_total"
    return harness.registry.get_sample_value(name, {"endpoint": endpoint})


async def test_exemplars_are_asked_restricted_and_checked() -> None:
    found = [{"seriesLabels": OWN, "exemplars": [{"labels": {"trace_id": "t"}, "value": "1"}]}]
    fake = FakePrometheus(answer=json_answer(found))
    async with gateway([fake]) as harness:
        harness.policies.grant("shop", '{namespace="shop"}')

        answer = await ask(harness, "/api/v1/query_exemplars?query=rate(up[5m])&start=1&end=2")
        assert await answer.json() == {"status": "success", "data": found}

        fake.answer = json_answer([{"seriesLabels": FOREIGN, "exemplars": []}])
        answer = await ask(harness, "/api/v1/query_exemplars?query=up")
        assert answer.status == 500
        assert violations(harness, "query_exemplars") == 1

        assert (await ask(harness, "/api/v1/query_exemplars?query=info(up)")).status == 422

        async def no_content(_: web.Request) -> web.StreamResponse:
            return web.Response(status=204)

        fake.answer = no_content
        nothing = await ask(harness, "/api/v1/query_exemplars?query=1")
        assert await nothing.json() == {"status": "success", "data": []}

    assert [seen.pairs for seen in fake.seen] == [
        (("query", 'rate(up{namespace="shop"}[5m])'), ("end", "2"), ("start", "1")),
        (("query", 'up{namespace="shop"}'),),
        (("query", "1"),),
    ]


async def test_metadata_is_that_of_names_which_the_tenant_sees() -> None:
    entry = {"type": "gauge", "help": "h", "unit": ""}
    fake = FakePrometheus(
        answer=by_path(
            metadata=json_answer({"up": [entry], "bank": [entry]}), values=json_answer(["up"])
        )
    )
    async with gateway([fake]) as harness:
        harness.policies.grant("shop", '{namespace="shop"}')

        answer = await ask(harness, "/api/v1/metadata?limit=5")

        assert await answer.json() == {"status": "success", "data": {"up": [entry]}}

    assert fake.seen == [
        Seen("GET", "/api/v1/metadata", (), {}),
        Seen(
            "GET",
            "/api/v1/label/__name__/values",
            (("match[]", '{namespace="shop"}'), ("start", "1699996400.000")),
            {},
        ),
    ]


async def test_metadata_of_targets_is_that_of_the_tenants_series() -> None:
    entry = {"type": "gauge", "help": "h", "unit": "", "metric": "up"}
    own, other = {"target": {"job": "a"}, **entry}, {"target": {"job": "b"}, **entry}
    fake = FakePrometheus(
        answer=by_path(
            metadata=json_answer([own, other]), series=json_answer([{**OWN, "job": "a"}])
        )
    )
    async with gateway([fake]) as harness:
        harness.policies.grant("shop", '{namespace="shop"}')

        answer = await ask(harness, "/api/v1/targets/metadata")

        assert await answer.json() == {"status": "success", "data": [own]}


async def test_rules_and_alerts_are_cut_down() -> None:
    rule = {
        "type": "recording",
        "name": "r",
        "query": 'up{namespace="shop"}',
        "health": "ok",
        "evaluationTime": 1,
        "lastEvaluation": "x",
    }
    group = {
        "name": "g",
        "file": "f",
        "rules": [rule, {**rule, "query": "up", "name": "bank"}],
        "interval": 1,
        "limit": 0,
        "evaluationTime": 1,
        "lastEvaluation": "x",
    }
    fake = FakePrometheus(answer=json_answer({"groups": [group]}))
    async with gateway([fake]) as harness:
        harness.policies.grant("shop", '{namespace="shop"}')

        rules = await ask(harness, "/api/v1/rules?type=record&match[]={}&rule_name[]=r")
        alerts = await ask(harness, "/api/v1/alerts")
        bad = await ask(harness, "/api/v1/rules?type=x")

        assert (await rules.json())["data"] == {"groups": [{**group, "rules": [rule]}]}
        assert (await alerts.json())["data"] == {"alerts": []}
        assert bad.status == 400

    assert {(seen.method, seen.path, seen.pairs) for seen in fake.seen} == {
        ("GET", "/api/v1/rules", ())
    }


@pytest.mark.parametrize(
    ("accept", "asked", "content_type"),
    [
        ("text/plain", "text/plain", "text/plain; version=0.0.4; charset=utf-8"),
        (
            "application/openmetrics-text;version=1.0.0, */*;q=0.1",
            "application/openmetrics-text;version=1.0.0, */*;q=0.1",
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
        ),
        (
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
            "encoding=delimited",
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
            "encoding=delimited",
            "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; "
            "encoding=delimited",
        ),
    ],
)
async def test_federation_is_passed_on_in_the_format_that_was_asked_for(
    accept: str, asked: str, content_type: str
) -> None:
    fake = FakePrometheus(answer=text_answer(content_type, b"up 1\n", b"down 0\n"))
    async with gateway([fake]) as harness:
        harness.policies.grant("shop", '{namespace="shop"}')

        answer = await harness.client.get(
            "/federate?match[]=up", headers={**TENANT, "Accept": accept}
        )

        assert (answer.status, answer.headers["Content-Type"]) == (200, content_type)
        assert await answer.read() == b"up 1\ndown 0\n"

    (seen,) = fake.seen
    assert (seen.method, seen.path, seen.pairs) == (
        "GET",
        "/federate",
        (("match[]", 'up{namespace="shop"}'),),
    )
    assert seen.headers["Accept"] == asked


async def test_a_complaint_about_federation_does_not_quote_what_was_sent() -> None:
    fake = FakePrometheus(
        answer=text_answer("text/plain", b'parse error: {namespace="bank"}', status=400)
    )
    async with gateway([fake]) as harness:
        harness.policies.grant("shop", '{namespace="shop"}')

        answer = await ask(harness, "/federate?match[]=up")

        assert answer.status == 400
        assert "namespace" not in (await answer.json())["error"]


def search_line(*names: str) -> bytes:
    return json.dumps({"results": [{"name": name} for name in names]}).encode() + b"\n"


async def test_a_search_is_asked_with_the_rules_and_checked() -> None:
    end = b'{"status":"success","has_more":false}\n'
    fake = FakePrometheus(
        answer=text_answer("application/x-ndjson; charset=utf-8", search_line("shop_a"), end)
    )
    async with gateway([fake]) as harness:
        harness.backends.snapshot["a"] = fake.backend(traits={"major": 3})
        harness.policies.grant("shop", "shop_.*")

        answer = await harness.client.post(
            "/api/v1/search/metric_names", data={"search[]": "a", "limit": "1"}, headers=TENANT
        )
        assert answer.headers["Content-Type"] == "application/x-ndjson; charset=utf-8"
        assert await answer.read() == b'{"results":[{"name":"shop_a"}]}\n' + end

        fake.answer = text_answer("application/x-ndjson", search_line("bank_a"), end)
        answer = await ask(harness, "/api/v1/search/metric_names")
        assert answer.status == 500

        fake.answer = error_answer(503, "unavailable", "search API disabled")
        answer = await ask(harness, "/api/v1/search/metric_names")
        assert answer.status == 422

    assert fake.seen[0].pairs == (
        ("match[]", '{__name__=~"shop_.*"}'),
        ("limit", "1"),
        ("search[]", "a"),
    )


async def test_an_old_backend_has_no_search() -> None:
    fake = FakePrometheus()
    async with gateway([fake]) as harness:
        harness.policies.grant("shop", "up")

        assert (await ask(harness, "/api/v1/search/label_names")).status == 404

    assert fake.seen == []


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/format_query?query=up",
        "/api/v1/parse_query?query=up",
        "/api/v1/status/buildinfo",
        "/api/v1/status/runtimeinfo",
        "/api/v1/features",
        "/api/v1/tenant/access",
        "/api/v1/tenant/openapi.json",
    ],
)
async def test_some_answers_need_no_backend(path: str) -> None:
    fake = FakePrometheus()
    async with gateway([fake]) as harness:
        harness.backends.snapshot.clear()
        assert (await ask(harness, path)).status == 403
        harness.policies.grant("shop", "up")
        assert (await ask(harness, path)).status == 200

    assert fake.seen == []


async def test_a_query_is_explained_to_the_tenant_whose_rules_these_are() -> None:
    fake = FakePrometheus()
    async with gateway([fake]) as harness:
        harness.policies.grant("shop", '{namespace="shop"}')

        answer = await harness.client.post(
            "/api/v1/tenant/explain", data={"query": "up"}, headers=TENANT
        )

        assert (await answer.json())["data"]["rewritten"] == ['up{namespace="shop"}']


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        pytest.param("/tenants/shop/api/v1/labels", {}, 200, id="in the path"),
        pytest.param("/tenants/shop/api/v1/labels", TENANT, 200, id="twice the same"),
        pytest.param("/tenants/shop/api/v1/labels?namespace=shop", {}, 200, id="and in both"),
        pytest.param("/tenants/bank/api/v1/labels", TENANT, 400, id="two tenants"),
        pytest.param("/tenants/shop/api/v1/labels?namespace=bank", {}, 400, id="two others"),
        pytest.param("/tenants/nobody/api/v1/labels", {}, 403, id="nobody"),
        pytest.param("/tenants/%2E%2E/api/v1/labels", {}, 403, id="dots"),
        pytest.param("/tenants/sh%6Fp/api/v1/labels", {}, 200, id="written otherwise"),
        pytest.param("/tenants//api/v1/labels", TENANT, 404, id="empty"),
        pytest.param("/tenants/shop/labels", {}, 404, id="no endpoint"),
        pytest.param("/tenants/shop/tenants/shop/api/v1/labels", {}, 404, id="nested"),
        pytest.param("/tenants/shop/federate", {}, 200, id="federate"),
        pytest.param("/tenants/shop/api/v1/write", {}, 404, id="write"),
    ],
)
async def test_the_tenant_may_stand_in_the_path(
    path: str, headers: dict[str, str], status: int
) -> None:
    fake = FakePrometheus(
        answer=by_path(labels=json_answer(["a"]), federate=text_answer("text/plain", b"x"))
    )
    async with gateway([fake]) as harness:
        harness.policies.grant("shop", '{namespace="shop"}')
        harness.policies.grant("bank", '{namespace="bank"}')
        url = harness.client.make_url("").join(URL(path, encoded=True))

        answer = await harness.client.session.get(url, headers=headers)

        assert answer.status == status

    if status == 200:
        assert "bank" not in str(fake.seen)
        assert ("match[]", '{namespace="shop"}') in fake.seen[0].pairs or "/federate" in path
    else:
        assert fake.seen == []


VECTOR = {"resultType": "vector", "result": [{"metric": FOREIGN, "value": [1, "1"]}]}


async def test_a_sampled_answer_is_checked_before_anything_is_sent() -> None:
    fake = FakePrometheus(answer=json_answer(VECTOR))
    async with gateway([fake], draw=0.0) as harness:
        harness.policies.grant("shop", '{namespace="shop"}')

        wrong = await ask(harness, "/api/v1/query?query=up")
        derived = await ask(harness, "/api/v1/query?query=sum(up)by(namespace)")
        fake.answer = json_answer({**VECTOR, "result": [{"metric": OWN, "value": [1, "1"]}]})
        right = await ask(harness, "/api/v1/query?query=(up)")

        assert (wrong.status, derived.status, right.status) == (500, 200, 200)
        assert (await right.json())["data"]["result"][0]["metric"] == OWN
        assert violations(harness, "query") == 1
        checked = harness.registry.get_sample_value(
            "tenantry_query_gateway_checked_total", {"outcome": "permitted"}
        )
        assert checked == 1


async def test_an_answer_that_is_not_in_the_sample_is_not_checked() -> None:
    fake = FakePrometheus(answer=json_answer(VECTOR))
    async with gateway([fake], draw=0.5) as harness:
        harness.policies.grant("shop", '{namespace="shop"}')

        assert (await ask(harness, "/api/v1/query?query=up")).status == 200


async def test_a_sampled_answer_that_is_too_long_is_passed_on() -> None:
    metric = {**FOREIGN, "long": "x" * 5000}
    fake = FakePrometheus(
        answer=json_answer({**VECTOR, "result": [{"metric": metric, "value": [1, "1"]}]})
    )
    limits = config.Limits(buffered_bytes=1000)
    async with gateway([fake], draw=0.0, limits=limits) as harness:
        harness.policies.grant("shop", '{namespace="shop"}')

        answer = await ask(harness, "/api/v1/query?query=up")

        assert (await answer.json())["data"]["result"][0]["metric"] == metric
        checked = harness.registry.get_sample_value(
            "tenantry_query_gateway_checked_total", {"outcome": "too long"}
        )
        assert checked == 1


async def test_times_that_only_choose_index_blocks_are_not_limited() -> None:
    fake = FakePrometheus(answer=json_answer([]))
    async with gateway([fake]) as harness:
        harness.policies.grant("shop", "up")

        labels = await ask(harness, "/api/v1/labels?start=0&end=99999999999")
        query = await ask(harness, "/api/v1/query_range?query=up&start=0&end=9999999999&step=1d")

        assert (labels.status, query.status) == (200, 422)
