"""Requests that several shards answer together."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from aiohttp import web
from tests.unit.query_gateway.test_rule_groups import group, recording

import tenantry_promql as promql
from query_gateway import config
from query_gateway.testing import (
    Answer,
    FakePrometheus,
    Harness,
    error_answer,
    gateway,
    json_answer,
)
from tenantry_common import contracts, subjects

TENANT = {"X-Tenant-Namespace": "shop"}
AT = 1_700_000_000


def vector(*elements: tuple[Mapping[str, str], str]) -> Answer:
    result = [{"metric": metric, "value": [AT, value]} for metric, value in elements]
    return json_answer({"resultType": "vector", "result": result})


@asynccontextmanager
async def shards(
    *answers: Answer, **more: Any
) -> AsyncIterator[tuple[Harness, list[FakePrometheus]]]:
    """Yield a gateway in front of one backend for each answer, each a shard."""
    fakes = [FakePrometheus(f"b{number}", answer) for number, answer in enumerate(answers)]
    async with gateway(fakes, **more) as harness:
        for number, fake in enumerate(fakes):
            labels = {"cluster": f"c{number}"}
            harness.backends.snapshot[fake.name] = fake.backend(
                ha_set=f"s{number}", external_labels=labels
            )
        harness.policies.grant("shop", '{namespace="shop"}')
        yield harness, fakes


async def ask(harness: Harness, path: str, **parameters: str) -> tuple[int, Any]:
    answer = await harness.client.get(path, headers=TENANT, params=parameters)
    return answer.status, await answer.json()


async def test_parts_of_a_query_are_restricted_sent_to_every_shard_and_put_together() -> None:
    async with shards(vector(({}, "3")), vector(({}, "5"))) as (harness, fakes):
        status, answer = await ask(harness, "/api/v1/query", query="sum(up) * 2", limit="5")

    assert (status, answer["data"]["result"]) == (200, [{"metric": {}, "value": [AT, "16"]}])
    for fake in fakes:
        (seen,) = fake.seen
        assert ("query", 'sum(up{namespace="shop"})') in seen.pairs
        assert ("time", f"{AT}.000") in seen.pairs
        assert "limit" not in dict(seen.pairs)


async def test_values_that_are_only_united_pass_as_they_are() -> None:
    one, other = ({"__name__": "up", "job": job} for job in "ab")
    async with shards(vector((one, "1.50")), vector((other, "NaN"))) as (harness, _):
        _, answer = await ask(harness, "/api/v1/query", query="up", time=str(AT))

    assert answer["data"]["result"] == [
        {"metric": one, "value": [AT, "1.50"]},
        {"metric": other, "value": [AT, "NaN"]},
    ]


async def test_a_range_is_put_together_step_by_step() -> None:
    def matrix(*values: tuple[int, str]) -> Answer:
        result = [{"metric": {}, "values": [[at, value] for at, value in values]}]
        return json_answer({"resultType": "matrix", "result": result})

    async with shards(matrix((0, "1"), (10, "2")), matrix((10, "3"))) as (harness, fakes):
        _, answer = await ask(
            harness, "/api/v1/query_range", query="sum(up)", start="0", end="19", step="10s"
        )

    assert answer["data"]["result"] == [{"metric": {}, "values": [[0, "1"], [10, "5"]]}]
    assert {("start", "0.000"), ("end", "19.000"), ("step", "10.000")} <= set(
        fakes[0].seen[0].pairs
    )


@pytest.mark.parametrize(
    ("path", "parameters", "complaint"),
    [
        ("/api/v1/query", {"query": "ln(sum(up))"}, "ln()"),
        ("/api/v1/query", {"query": "sum("}, "parse error"),
        ("/api/v1/query_range", {"query": "up", "start": "0", "end": "1", "step": "0"}, "step"),
        ("/api/v1/query_range", {"query": "up", "start": "2", "end": "1", "step": "1"}, "end"),
        ("/api/v1/query_range", {"query": "up", "start": "2", "end": "1"}, "step"),
    ],
)
async def test_what_cannot_be_answered_is_refused_by_name_and_nothing_is_asked(
    path: str, parameters: dict[str, str], complaint: str
) -> None:
    async with shards(vector(), vector()) as (harness, fakes):
        status, answer = await ask(harness, path, **parameters)

    assert status in (400, 422)
    assert complaint in answer["error"]
    assert not any(fake.seen for fake in fakes)


async def test_a_query_that_names_one_shard_goes_there_as_it_is() -> None:
    async with shards(vector(), vector(), shard_labels=("cluster",)) as (harness, fakes):
        status, _ = await ask(harness, "/api/v1/query", query='ln(sum(up{cluster="c1"}))')
        both, _ = await ask(harness, "/api/v1/query", query='ln(sum(up{cluster=~"c."}))')

    assert (status, both) == (200, 422)
    assert not fakes[0].seen
    assert dict(fakes[1].seen[0].pairs)["query"] == 'ln(sum(up{cluster="c1",namespace="shop"}))'


@pytest.mark.parametrize("query", ["up", "sum(up)", "time() - sum(up)"])
async def test_without_a_shard_there_is_no_answer_unless_part_of_it_will_do(query: str) -> None:
    async def broken(_: web.Request) -> web.StreamResponse:
        return web.Response(status=502)

    scalar = json_answer({"resultType": "scalar", "result": [AT, "7"]})

    async def present(request: web.Request) -> web.StreamResponse:
        form = await request.post()
        one = scalar if form["query"] == "time()" else vector(({}, "3"))
        return await one(request)

    async with shards(broken, present) as (harness, _):
        status, answer = await ask(harness, "/api/v1/query", query=query)
        assert (status, "shard s0" in answer["error"]) == (503, True)

        status, answer = await ask(harness, "/api/v1/query", query=query, partial="true")
        assert (status, len(answer["data"]["result"])) == (200, 1)
        assert answer["warnings"] == ["the answer is partial: shard s0 did not answer"]


async def test_a_shard_that_is_known_to_be_down_is_not_asked_for_what_any_can_say() -> None:
    scalar = json_answer({"resultType": "scalar", "result": [AT, "7"]})
    async with shards(scalar, scalar) as (harness, fakes):
        harness.backends.snapshot["b0"] = fakes[0].backend(ha_set="s0", healthy=False)
        status, answer = await ask(harness, "/api/v1/query", query="time()")

    assert (status, answer["data"]["result"]) == (200, [AT, "7"])


async def test_what_is_no_query_to_a_server_is_none_whatever_others_say() -> None:
    bad = error_answer(400, "bad_data", 'invalid parameter "query": parse error')
    async with shards(error_answer(422, "execution", "other"), bad) as (harness, _):
        status, answer = await ask(harness, "/api/v1/query", query="up")

    assert (status, answer["errorType"]) == (400, "bad_data")


async def test_more_requests_than_permitted_are_refused_with_the_limit() -> None:
    async with shards(vector(), vector(), limits=config.Limits(upstream_queries=3)) as (
        harness,
        fakes,
    ):
        status, answer = await ask(harness, "/api/v1/query", query="sum(up) / sum(down)")

    assert (status, "upstream_queries" in answer["error"]) == (422, True)
    assert not fakes[0].seen


async def test_lists_of_all_shards_are_united_sorted_and_cut() -> None:
    async with shards(json_answer(["b", "a"]), json_answer(["c", "a"])) as (harness, fakes):
        _, answer = await ask(harness, "/api/v1/labels", limit="2")
        assert answer["data"] == ["a", "b"]
        assert answer["warnings"] == ["results truncated due to limit"]

        fakes[0].answer = error_answer(503, "unavailable", "later")
        assert (await ask(harness, "/api/v1/labels"))[0] == 503
        _, answer = await ask(harness, "/api/v1/labels", partial="true")
        assert answer["data"] == ["a", "c"]
        assert "s0" in answer["warnings"][0]


async def test_series_of_others_in_any_shard_withhold_the_answer() -> None:
    own, foreign = ({"__name__": "up", "namespace": one} for one in ("shop", "bank"))
    async with shards(vector((own, "1")), vector((foreign, "1")), draw=0.0) as (harness, _):
        status, _ = await ask(harness, "/api/v1/query", query="up")

    assert status == 500


async def test_shards_are_asked_at_the_same_time() -> None:
    both = asyncio.Barrier(2)

    async def wait(request: web.Request) -> web.StreamResponse:
        await both.wait()
        return await vector()(request)

    async with asyncio.timeout(20), shards(wait, wait) as (harness, _):
        status, _ = await ask(harness, "/api/v1/query", query="up")

    assert status == 200


def text(body: str, content_type: str) -> Answer:
    async def answer(_: web.Request) -> web.StreamResponse:
        return web.Response(body=body.encode(), headers={"Content-Type": content_type})

    return answer


PLAIN = "text/plain; version=0.0.4; charset=utf-8"


async def test_families_of_all_shards_are_federated_once() -> None:
    one = text('# TYPE up untyped\nup{job="a"} 1 5\n', PLAIN)
    other = text('# TYPE down untyped\ndown 0 5\n# TYPE up untyped\nup{job="b"} 1 5\n', PLAIN)
    async with shards(one, other) as (harness, fakes):
        answer = await harness.client.get(
            "/federate", headers=TENANT, params={"match[]": '{job=~"a|b"}'}
        )
        body = await answer.text()

    assert answer.headers["Content-Type"] == PLAIN
    assert body == (
        '# TYPE down untyped\ndown 0 5\n# TYPE up untyped\nup{job="a"} 1 5\nup{job="b"} 1 5\n'
    )
    assert dict(fakes[0].seen[0].pairs)["match[]"] == '{job=~"a|b",namespace="shop"}'


async def test_shards_that_federate_in_different_formats_are_not_put_together() -> None:
    one, other = text("", PLAIN), text("# EOF\n", "application/openmetrics-text; version=1.0.0")
    async with shards(one, other) as (harness, _):
        status, answer = await ask(harness, "/federate", **{"match[]": "up"})

    assert (status, "formats" in answer["error"]) == (422, True)


async def test_what_all_shards_find_is_sorted_and_cut_again() -> None:
    def found(*names: str) -> Answer:
        lines = ",".join(f'{{"name":"{name}","score":0.{name[-1]}}}' for name in names)
        body = f'{{"results":[{lines}]}}\n{{"status":"success","has_more":false}}\n'
        return text(body, "application/x-ndjson; charset=utf-8")

    three = {"traits": {"major": 3}}
    async with shards(found("m5", "m3"), found("m4", "m3")) as (harness, fakes):
        for number, fake in enumerate(fakes):
            harness.backends.snapshot[fake.name] = fake.backend(ha_set=f"s{number}", **three)
        harness.policies.grant("shop", '{__name__=~"m.*"}')
        answer = await harness.client.get(
            "/api/v1/search/metric_names",
            headers=TENANT,
            params={"search[]": "m", "sort_by": "score", "limit": "2"},
        )
        lines = (await answer.text()).splitlines()

    assert lines == [
        '{"results":[{"name":"m5"},{"name":"m4"}]}',
        '{"status":"success","has_more":true}',
    ]
    assert ("include_score", "true") in fakes[0].seen[0].pairs


async def test_one_shard_may_not_take_longer_than_its_limit() -> None:
    async def hang(_: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    limits = config.Limits(shard_seconds=0.1)
    async with shards(hang, vector(({}, "3")), limits=limits) as (harness, _):
        status, answer = await ask(harness, "/api/v1/query", query="sum(up)")
        assert (status, answer["errorType"]) == (503, "timeout")
        assert "shard s0: no answer within 0.1 s (limit shard_seconds)" in answer["error"]

        status, answer = await ask(harness, "/api/v1/query", query="sum(up)", partial="true")
        assert (status, answer["data"]["result"][0]["value"][1]) == (200, "3")


async def test_answers_of_all_shards_together_have_one_limit() -> None:
    long = json_answer(["x" * 700])
    async with shards(long, long, limits=config.Limits(buffered_bytes=1000)) as (harness, _):
        status, answer = await ask(harness, "/api/v1/labels")

    assert (status, "buffered_bytes (1000)" in answer["error"]) == (422, True)


async def test_what_a_replica_answers_instead_of_a_vector_is_asked_of_another_one() -> None:
    for garbage in (
        json_answer("nonsense"),
        json_answer({"resultType": "matrix", "result": []}),
        json_answer({"resultType": "vector", "result": [{"metric": {}, "value": [AT, 7]}]}),
        text("<html>", "text/html"),
    ):
        for query in ("sum(up)", "up", "sum(up) + 1"):
            async with shards(garbage, vector(({}, "3")), vector()) as (harness, fakes):
                for fake in fakes[:2]:
                    harness.backends.snapshot[fake.name] = fake.backend(ha_set="s0")
                status, answer = await ask(harness, "/api/v1/query", query=query)

            assert status == 200, (query, answer)


async def test_warnings_of_all_shards_are_passed_on() -> None:
    one = json_answer({"resultType": "vector", "result": []}, warnings=["a", "b"])
    other = json_answer({"resultType": "vector", "result": []}, warnings=["b", "c"], infos=["i"])
    for query in ("up", "sum(up)", "sum(up) * 2"):
        async with shards(one, other) as (harness, _):
            _, answer = await ask(harness, "/api/v1/query", query=query)

        assert (answer["warnings"], answer["infos"]) == (["a", "b", "c"], ["i"])


def limited(harness: Harness, *clusters: str, rule: str = '{namespace="bank"}') -> None:
    """Let the tenant also see a rule in some clusters."""
    key = subjects.token("shop")
    matchers = tuple(contracts.Matcher(*one) for one in promql.parse_rule(rule))
    more = contracts.LimitedRules(clusters=clusters, rules=(matchers,))
    policy = harness.policies.snapshot[key]
    harness.policies.snapshot[key] = msgspec.structs.replace(policy, limited=(more,))


def within(harness: Harness, fakes: list[FakePrometheus], *clusters: str) -> None:
    """Say of each backend in which cluster it is."""
    for number, (fake, cluster) in enumerate(zip(fakes, clusters, strict=True)):
        harness.backends.snapshot[fake.name] = fake.backend(ha_set=f"s{number}", cluster=cluster)


@pytest.mark.parametrize("clusters", [("eu", "us"), ("eu", "")])
async def test_each_shard_is_asked_by_the_rules_of_its_cluster(clusters: tuple[str, str]) -> None:
    async with shards(vector(), vector()) as (harness, fakes):
        within(harness, fakes, *clusters)
        limited(harness, "eu")
        for query in ("up", "sum(up) + 1"):
            status, _ = await ask(harness, "/api/v1/query", query=query)
            assert status == 200
        status, _ = await ask(
            harness, "/api/v1/query_range", query="up", start="0", end="9", step="1"
        )

    for seen in fakes[0].seen:
        assert 'namespace=~"bank|shop"' in dict(seen.pairs)["query"]
    for seen in fakes[1].seen:
        assert 'namespace="shop"' in dict(seen.pairs)["query"]
    assert len(fakes[0].seen) == len(fakes[1].seen) == 3


async def test_a_shard_of_a_cluster_in_which_nothing_is_permitted_is_not_asked() -> None:
    own = ({"__name__": "up", "namespace": "bank"}, "1")
    async with shards(vector(own), vector(own)) as (harness, fakes):
        within(harness, fakes, "eu", "us")
        harness.policies.grant("shop")
        limited(harness, "us")
        status, answer = await ask(harness, "/api/v1/query", query="ln(sum(up))")

    assert (status, len(answer["data"]["result"])) == (200, 1)
    assert (len(fakes[0].seen), len(fakes[1].seen)) == (0, 1)


async def test_rules_of_other_clusters_are_not_shown_by_what_is_permitted_in_one() -> None:
    answer = json_answer({"groups": [group(recording('sum(up{namespace="bank"})'))]})
    async with shards(answer, answer) as (harness, fakes):
        within(harness, fakes, "eu", "us")
        limited(harness, "eu")
        _, shown = await ask(harness, "/api/v1/rules")
        assert shown["data"]["groups"] == []

        limited(harness, "eu", "us")
        _, shown = await ask(harness, "/api/v1/rules")
        assert [one["name"] for one in shown["data"]["groups"]] == ["g"]


async def test_the_plan_is_explained() -> None:
    async with shards(vector(), vector()) as (harness, fakes):
        within(harness, fakes, "eu", "us")
        limited(harness, "eu")
        answer = await harness.client.post(
            "/api/v1/tenant/explain", headers=TENANT, data={"query": "sum(up)"}
        )
        found = (await answer.json())["data"]["overShards"]

    assert found["plan"] == {"fetch": "sum(up)", "merge": "sum"}
    assert [(one["shard"], one["rewritten"]) for one in found["requests"]] == [
        ("s0", ['sum(up{namespace=~"bank|shop"})']),
        ("s1", ['sum(up{namespace="shop"})']),
    ]
    assert not any(fake.seen for fake in fakes)
