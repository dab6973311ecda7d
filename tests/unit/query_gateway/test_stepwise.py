"""Range queries whose settled steps are asked for once."""

from typing import Any

import pytest
from aiohttp import web

from query_gateway import config
from query_gateway.testing import FakePrometheus, Harness, gateway, json_answer

NOW = 1_700_000_000


async def matrix(request: web.Request) -> web.StreamResponse:
    """Answer with the number of each step."""
    form = await request.post()
    start, end, step = (float(str(form[name])) for name in ("start", "end", "step"))
    times = [start + number * step for number in range(int((end - start) / step) + 1)]
    values = [[int(at) if at == int(at) else at, str(at)] for at in times]
    result = [{"metric": {"__name__": "up", "namespace": "shop"}, "values": values}]
    return await json_answer({"resultType": "matrix", "result": result})(request)


async def ask(harness: Harness, tenant: str = "shop", **parameters: object) -> tuple[int, Any]:
    given = {"query": "up", "start": NOW - 3_600, "end": NOW, "step": 60, **parameters}
    answer = await harness.client.get(
        "/api/v1/query_range",
        headers={"X-Tenant-Namespace": tenant},
        params={name: str(value) for name, value in given.items()},
    )
    return answer.status, await answer.json()


def spans(fake: FakePrometheus) -> list[tuple[str, str]]:
    return [(dict(one.pairs)["start"], dict(one.pairs)["end"]) for one in fake.seen]


async def test_only_fresh_steps_are_asked_for_again() -> None:
    fake = FakePrometheus(answer=matrix)
    async with gateway([fake], cache=config.Cache()) as harness:
        harness.policies.grant("shop", '{namespace="shop"}')
        first = await ask(harness)
        second = await ask(harness)
        later = await ask(harness, start=NOW - 3_540, end=NOW + 60)

    assert first == second
    assert [at for at, _ in later[1]["data"]["result"][0]["values"]] == list(
        range(NOW - 3_540, NOW + 61, 60)
    )
    assert spans(fake)[0] == (f"{NOW - 3_600}.000", f"{NOW}.000")
    assert all(float(start) > NOW - 200 for start, _ in spans(fake)[1:])


async def test_tenants_with_other_rules_share_nothing_and_a_changed_policy_is_another() -> None:
    fake = FakePrometheus(answer=matrix)
    async with gateway([fake], cache=config.Cache()) as harness:
        harness.policies.grant("shop", '{namespace="shop"}')
        harness.policies.grant("bank", '{namespace="bank"}')
        await ask(harness)
        await ask(harness, "bank")
        harness.policies.grant("shop", '{namespace="other"}')
        harness.policies.version += 1
        await ask(harness)

    assert [dict(one.pairs)["query"] for one in fake.seen] == [
        f'up{{namespace="{name}"}}' for name in ("shop", "bank", "other")
    ]
    assert len(set(spans(fake))) == 1


@pytest.mark.parametrize(
    "parameters",
    [
        pytest.param({"query": "up @ end()"}, id="knows where the range ends"),
        pytest.param({"start": f"{NOW - 3600}.00001"}, id="not a millisecond"),
        pytest.param({"start": "2023-11-14T22:00:00Z"}, id="in words"),
        pytest.param({"step": "1m"}, id="a duration"),
    ],
)
async def test_others_are_asked_whole_every_time(parameters: dict[str, Any]) -> None:
    fake = FakePrometheus(answer=json_answer({"resultType": "matrix", "result": []}))
    async with gateway([fake], cache=config.Cache()) as harness:
        harness.policies.grant("shop", '{namespace="shop"}')
        for _ in range(2):
            assert (await ask(harness, **parameters))[0] == 200

    assert len(set(spans(fake))) == 1
    assert len(fake.seen) == 2


async def test_a_backend_whose_steps_do_not_stand_alone_is_asked_whole_every_time() -> None:
    fake = FakePrometheus(answer=matrix)
    async with gateway([fake], cache=config.Cache()) as harness:
        harness.policies.grant("shop", '{namespace="shop"}')
        harness.backends.snapshot = {"a": fake.backend(product="victoriametrics")}
        for _ in range(2):
            assert (await ask(harness))[0] == 200

    assert spans(fake) == [(str(NOW - 3_600), str(NOW))] * 2


async def test_an_answer_that_is_too_large_to_keep_is_streamed() -> None:
    fake = FakePrometheus(answer=matrix)
    limits = config.Limits(buffered_bytes=100)
    async with gateway([fake], cache=config.Cache(), limits=limits) as harness:
        harness.policies.grant("shop", '{namespace="shop"}')
        for _ in range(2):
            status, answer = await ask(harness)
            assert (status, len(answer["data"]["result"][0]["values"])) == (200, 61)

    assert len(fake.seen) == 3  # the first time it was tried


async def test_when_the_backend_fails_another_answers_the_whole_range() -> None:
    async def broken(_: web.Request) -> web.StreamResponse:
        return web.Response(status=502)

    fakes = [FakePrometheus(name, matrix) for name in "ab"]
    async with gateway(fakes, cache=config.Cache()) as harness:
        harness.policies.grant("shop", '{namespace="shop"}')
        await ask(harness)
        used, other = sorted(fakes, key=lambda fake: -len(fake.seen))
        used.answer = broken

        status, answer = await ask(harness)

    assert (status, len(answer["data"]["result"][0]["values"])) == (200, 61)
    assert spans(other) == [(f"{NOW - 3_600}.000", f"{NOW}.000")]


async def test_a_limit_is_applied_to_what_is_put_together() -> None:
    fake = FakePrometheus(answer=matrix)
    async with gateway([fake], cache=config.Cache()) as harness:
        harness.policies.grant("shop", '{namespace="shop"}')
        status, _ = await ask(harness, limit=1)

    assert status == 200
    assert "limit" not in dict(fake.seen[0].pairs)
