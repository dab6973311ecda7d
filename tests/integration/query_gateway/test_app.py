"""The query gateway as a process, on a real nats-server and real Prometheus servers."""

import asyncio
import socket
import struct
import time
from collections.abc import Iterable, Mapping
from typing import Any

import aiohttp
from tests.integration.query_gateway.estate import Answer, Estate, ask, running, succeeded

from tenantry_common import (
    protowire,
    remote_write,
    snappy_block,
    testing,
)
from tenantry_local.ports import LOOPBACK
from tenantry_local.prometheus import REMOTE_WRITE_HEADERS, Prometheus
from tenantry_local.testing import Factory

STEP = 15
END = int(time.time()) // STEP * STEP - 60
"""Seconds since the epoch of the last sample of every series."""
SAMPLES = 40

type Labels = Mapping[str, str]


def series() -> list[Labels]:
    """Return series of two namespaces and of none, with names and jobs in common."""
    found: list[Labels] = [
        {"__name__": name, "namespace": namespace, "job": job, "code": code}
        for name in ("requests_total", "errors_total")
        for namespace in ("shop", "bank")
        for job in ("api", "web")
        for code in ("200", "500")
    ]
    found += [
        {"__name__": "up", "job": job, "instance": instance}
        for job in ("api", "web")
        for instance in ("a", "b")
    ]
    return found


async def load(server: Prometheus, chosen: Iterable[Labels]) -> None:
    """Store `chosen` in `server`, each with the samples that are its own wherever it is stored."""
    everything = series()
    request = b"".join(
        remote_write.time_series(
            remote_write.encode_labels(labels), _samples(everything.index(labels))
        )
        for labels in chosen
    )
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        body = snappy_block.compress(request)
        await session.post(server.remote_write_url, data=body, headers=REMOTE_WRITE_HEADERS)


def _samples(number: int) -> bytes:
    """Return samples with dyadic values, whose sums are exact in any order."""
    encoded = b""
    for index in range(SAMPLES):
        stamp = (END - (SAMPLES - 1 - index) * STEP) * 1000
        value = index * (number % 5 + 1) / 4
        sample = protowire.tag(1, 1) + struct.pack("<d", value)
        sample += protowire.tag(2, protowire.VARINT) + protowire.varint(stamp)
        encoded += protowire.delimited(remote_write.SAMPLE, sample)
    return encoded


def in_any_order(answer: Answer) -> Answer:
    """Sort what Prometheus answers in the order of its storage."""
    data = answer.body.get("data") if answer.status == 200 else None
    if isinstance(data, dict) and data["resultType"] in ("vector", "matrix"):
        data["result"].sort(key=lambda one: sorted(one["metric"].items()))
    elif isinstance(data, list):
        data.sort(key=str)
    return answer


QUERIES = (
    "requests_total",
    "up",
    "1 + 1",
    'requests_total{namespace="bank"}',
    'up{job="web"}',
    "sum(requests_total)",
    "avg by (job) (requests_total)",
    "sum by (namespace) (rate(requests_total[1m]))",
    'count({__name__=~".+"})',
    'count by (__name__) ({job=~"api|web"})',
    '{job="api"}',
    "absent(errors_total)",
    'absent(errors_total{namespace="bank"})',
    'absent_over_time(up{job="web"}[1m])',
    "max_over_time(sum(requests_total)[2m:30s])",
    "requests_total / on (job) group_left sum by (job) (up)",
    "requests_total and on (job) up",
    "errors_total or up",
    "timestamp(up)",
    'count_values("v", requests_total)',
    "topk(1, sum by (code) (requests_total))",
    "quantile(0.5, requests_total) by (job)",
    'label_replace(up, "x", "$1", "job", "(.*)")',
    "scalar(sum(up)) * requests_total offset 1m",
    "nothing",
)
RANGE_SELECTORS = ("up[1m]", "requests_total[45s]", 'requests_total{namespace="bank"}[1m]')
METADATA: tuple[tuple[str, dict[str, str]], ...] = (
    ("series", {"match[]": "up"}),
    ("series", {"match[]": '{__name__=~".+"}'}),
    ("series", {"match[]": 'requests_total{namespace="bank"}'}),
    ("labels", {}),
    ("labels", {"match[]": "up"}),
    ("label/namespace/values", {}),
    ("label/__name__/values", {}),
    ("label/instance/values", {"match[]": "requests_total"}),
    ("label/job/values", {"start": str(END), "end": str(END)}),
    ("label/nothing/values", {}),
)
REQUESTS: tuple[tuple[str, dict[str, str]], ...] = (
    *(("query", {"query": text, "time": str(END)}) for text in (*QUERIES, *RANGE_SELECTORS)),
    *(
        ("query_range", {"query": text, "start": str(END - 300), "end": str(END), "step": "30"})
        for text in QUERIES
    ),
    *METADATA,
)


async def compare(estate: Estate, tenant: str, permitted: Prometheus) -> dict[str, Any]:
    """Return where the gateway's answers differ from those of the server of what is permitted."""
    different = {}
    for path, parameters in REQUESTS:
        through = in_any_order(await estate.ask(path, tenant, **parameters))
        direct = in_any_order(await ask(f"{permitted.url}/api/v1/{path}", {}, parameters))
        if through != direct:
            different[f"{path} {parameters}"] = (through, direct)
    return different


TENANTS = {
    "one-rule": ('{namespace="shop"}',),
    "two-rules-that-overlap-in-name": ('{namespace="shop"}', 'up{job="api"}'),
    "names": ("requests_total", "up"),
    "several-matchers": ('{job!="web",namespace=~"shop|bank"}',),
    "nothing": (),
}


async def test_answers_are_those_of_a_prometheus_with_the_permitted_series_only(
    estate: Estate, prometheus_factory: Factory[Prometheus]
) -> None:
    async def differences(tenant: str) -> dict[str, Any]:
        granted = await estate.grant(tenant, *TENANTS[tenant])
        permitted = await prometheus_factory()
        await load(permitted, [labels for labels in series() if granted.matches(labels)])
        await estate.until(lambda answer: answer.status != 403, "labels", tenant)
        return await compare(estate, tenant, permitted)

    everything = await prometheus_factory()
    await load(everything, series())
    await estate.publish(everything)

    async with running(estate.gateway()), asyncio.TaskGroup() as group:
        found = {tenant: group.create_task(differences(tenant)) for tenant in TENANTS}

    assert {tenant: task.result() for tenant, task in found.items()} == {
        tenant: {} for tenant in TENANTS
    }


async def test_a_tenant_is_told_what_is_wrong(
    estate: Estate, prometheus_factory: Factory[Prometheus]
) -> None:
    await estate.publish(await prometheus_factory())
    await estate.grant("shop", '{namespace="shop"}')
    await estate.grant("names", "up", 'requests_total{namespace="shop"}')

    async with running(estate.gateway()):
        answers = [
            await estate.ask("query", query="up"),
            await estate.ask("query", "nobody", query="up"),
            await estate.ask("query", "shop", query="sum(up"),
            await estate.ask("query", "names", query='rate({job="api"}[1m])'),
            await estate.ask("query", "shop", query="up", time="yesterday"),
            await estate.ask("query", "shop", query='label_replace(up, "-", "", "", "")'),
            await estate.ask("query_range", "shop", query="up[1m]", start="1", end="2", step="1"),
            await estate.ask("series", "shop"),
            await estate.ask("targets", "shop"),
        ]

    assert [(answer.status, answer.body["errorType"]) for answer in answers] == [
        (401, "unauthorized"),
        (403, "forbidden"),
        (400, "bad_data"),
        (422, "execution"),
        (400, "bad_data"),
        (422, "execution"),
        (400, "bad_data"),
        (400, "bad_data"),
        (404, "not_found"),
    ]
    assert [answers[index].body["error"] for index in (2, 4, 5, 6, 7)] == [
        'invalid parameter "query": 1:7: parse error: unclosed left parenthesis',
        "invalid parameter \"time\": Invalid time value for 'time': "
        'cannot parse "yesterday" to a valid timestamp',
        "invalid destination label name in label_replace(): -",
        'invalid expression type "range vector" for range query, must be Scalar or instant Vector',
        "no match[] parameter provided",
    ]


async def test_a_changed_or_removed_policy_takes_effect(
    estate: Estate, prometheus_factory: Factory[Prometheus]
) -> None:
    server = await prometheus_factory()
    await load(server, series())
    await estate.publish(server)
    await estate.grant("shop", '{namespace="shop"}')
    count = {"query": 'count({__name__=~".+"}) or vector(0)', "time": str(END)}

    def is_counted(number: int, answer: Answer) -> bool:
        return succeeded(answer) and answer.body["data"]["result"][0]["value"][1] == str(number)

    async with running(estate.gateway()):
        await estate.until(lambda answer: is_counted(8, answer), "query", "shop", **count)
        await estate.grant("shop", "up")
        await estate.until(lambda answer: is_counted(4, answer), "query", "shop", **count)
        await estate.grant("shop")
        await estate.until(lambda answer: is_counted(0, answer), "query", "shop", **count)
        await estate.withdraw("shop")
        await estate.until(lambda answer: answer.status == 403, "query", "shop", **count)


async def test_the_gateway_goes_on_without_nats_and_learns_what_changed_meanwhile(
    estate: Estate, prometheus_factory: Factory[Prometheus]
) -> None:
    server = await prometheus_factory()
    await load(server, series())
    await estate.publish(server)
    await estate.grant("shop", "up")
    asked = {"query": "count(up)", "time": str(END)}

    async with running(estate.gateway()):
        before = await estate.ask("query", "shop", **asked)
        await estate.nats.kill()
        without = await estate.ask("query", "shop", **asked)
        ready = await estate.page("/readyz")
        await estate.nats.start()
        async with testing.ready_bus(estate.nats.url) as connection:
            estate.connection = connection
            await estate.grant("shop", 'up{instance="a"}')
        after = await estate.until(lambda answer: answer != before, "query", "shop", **asked)

    assert (succeeded(before), without, ready.status) == (True, before, 200)
    assert after.body["data"]["result"][0]["value"][1] == "2"


async def test_policies_that_nobody_confirms_are_not_used_for_ever(
    estate: Estate, prometheus_factory: Factory[Prometheus]
) -> None:
    await estate.publish(await prometheus_factory())
    await estate.grant("shop", "up")

    async with running(estate.gateway(policies_stale_seconds=0.5)):
        before = await estate.ask("query", "shop", query="up")
        await estate.nats.kill()
        refused = await estate.until(
            lambda answer: not succeeded(answer), "query", "shop", query="up"
        )
        health = await estate.page("/health")
        await estate.nats.start()
        await estate.until(succeeded, "query", "shop", query="up")

    assert succeeded(before)
    assert (refused.status, refused.body["errorType"]) == (503, "unavailable")
    assert "policies_stale_seconds" in refused.body["error"]
    assert health.body["status"] == "unhealthy"


async def test_when_a_replica_dies_the_other_answers(
    estate: Estate, prometheus_factory: Factory[Prometheus]
) -> None:
    servers = [await prometheus_factory(), await prometheus_factory()]
    for server in servers:
        await load(server, series())
    await estate.publish(*servers)
    tenants = [f"tenant-{number}" for number in range(6)]  # each replica is preferred by some
    for tenant in tenants:
        await estate.grant(tenant, "up")
    asked = {"query": "sum(up)", "time": str(END)}

    async with running(estate.gateway()):
        before = [await estate.ask("query", tenant, **asked) for tenant in tenants]
        await servers[0].kill()
        after = [await estate.ask("query", tenant, **asked) for tenant in tenants]
        await servers[1].kill()
        nobody = await estate.ask("query", "tenant-0", **asked)
        await servers[0].start()
        again = await estate.until(succeeded, "query", "tenant-0", **asked)

    assert all(map(succeeded, before))
    assert after == before
    assert (nobody.status, nobody.body["errorType"]) == (503, "unavailable")
    assert again == before[0]


async def test_the_operator_sees_what_the_gateway_knows(
    estate: Estate, prometheus_factory: Factory[Prometheus]
) -> None:
    await estate.publish(await prometheus_factory())
    await estate.grant("shop", "up", 'x{namespace="shop"}')

    async with running(estate.gateway()):
        await estate.ask("query", "shop", query="up")
        health = await estate.page("/health")
        tenants = await estate.page("/debug/tenants")
        targets = await estate.page("/debug/targets")
        metrics = await estate.page("/metrics")

    assert health.body == {
        "status": "healthy",
        "reason": "",
        "total_targets": 1,
        "healthy_targets": 1,
        "tenants": 1,
    }
    assert tenants.body["tenants"][0]["rules"] == ["up", 'x{namespace="shop"}']
    assert targets.body["targets"][0]["id"] == "replica-0"
    for line in (
        'tenantry_query_gateway_requests_total{endpoint="query",status="200"} 1.0',
        "tenantry_query_gateway_policies 1.0",
        "tenantry_query_gateway_backends_healthy 1.0",
    ):
        assert line in metrics.body.splitlines()


async def test_without_nats_at_start_it_waits_and_says_so(
    estate: Estate, prometheus_factory: Factory[Prometheus]
) -> None:
    await estate.publish(await prometheus_factory())
    await estate.grant("shop", "up")
    await estate.nats.kill()
    process = estate.gateway()
    process.spawn()
    try:
        async with asyncio.timeout(10):
            while "nats is not reachable, waiting for it" not in process.last_lines():  # noqa: ASYNC110 - a process announces nothing
                await asyncio.sleep(0.02)
        waiting = await estate.page("/readyz")
        await estate.nats.start()
        await process.wait_ready()
        answer = await estate.ask("query", "shop", query="up")
    finally:
        await process.terminate()

    assert waiting == Answer(503, "backends: not read yet\npolicies: not read yet\n")
    assert succeeded(answer)


async def test_a_taken_port_is_named_with_its_setting(estate: Estate) -> None:
    with socket.create_server((LOOPBACK, estate.port)):
        process = estate.gateway()
        process.spawn()
        code = await asyncio.wait_for(process.wait(), 10)

    assert code == 2
    assert f"$.listen.port: {LOOPBACK}:{estate.port} is taken" in process.last_lines()
