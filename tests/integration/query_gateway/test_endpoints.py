"""Endpoints through the gateway answer as a Prometheus does that holds the permitted series only."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer

import tenantry_promql as promql
from query_gateway.testing import Harness, gateway
from tenantry_common import contracts, protowire, remote_write, snappy_block
from tenantry_common.proto import remote_pb2
from tenantry_local.prometheus import REMOTE_WRITE_HEADERS, Prometheus
from tenantry_local.testing import Factory

EXTERNAL = {"cluster": "eu1", "replica": "r0"}
END = int(time.time()) // 15 * 15 - 60
TENANT = {"X-Tenant-Namespace": "shop"}
TENANTS = {
    "one rule": ('{namespace="shop"}',),
    "rules that overlap": ('{namespace="shop"}', 'up{job="api"}'),
    "incomparable names": ('{__name__=~"req.*",job="api"}', '{__name__=~".*total",code="500"}'),
    "names": ("requests_total",),
    "absent labels": ('{cluster="",job="api"}', '{namespace=""}'),
    "an external label": ('{cluster="eu1"}',),
    "another cluster": ('{cluster!="eu1",job="web"}',),
    "nothing": (),
}


def series() -> list[dict[str, str]]:
    """Return series of two namespaces and of none; some have a label that is an external one."""
    found = [
        {"__name__": name, "namespace": namespace, "job": job, "code": code}
        for name in ("requests_total", "errors_total")
        for namespace in ("shop", "bank")
        for job in ("api", "web")
        for code in ("200", "500")
    ]
    found += [{"__name__": "up", "job": job} for job in ("api", "web")]
    found += [{"__name__": "up", "job": "web", "cluster": "us1"}]
    return found


async def load(server: Prometheus, rules: promql.RuleSet, now: int) -> None:
    """Store the permitted series, each with the samples and exemplars that are its own.

    The last sample is of `now`, which is what federation answers: the tests before this one may have
    taken longer than the lookback since `END`.
    """
    message = remote_pb2.WriteRequest()
    for number, labels in enumerate(series()):
        if rules.matches(labels):
            one = message.timeseries.add()
            one.labels.extend(
                remote_pb2.Label(name=name, value=labels[name]) for name in sorted(labels)
            )
            stamps = [*(END - (199 - index) * 15 for index in range(200)), now]
            for index, stamp in enumerate(stamps):
                one.samples.add(value=index * (number % 5 + 1) / 4, timestamp=stamp * 1000)
            exemplar = one.exemplars.add(value=number, timestamp=END * 1000)
            exemplar.labels.add(name="trace_id", value=f"trace-{number}")
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        body = snappy_block.compress(message.SerializeToString())
        await session.post(server.remote_write_url, data=body, headers=REMOTE_WRITE_HEADERS)


@dataclass(frozen=True)
class Answered:
    """What one of them answered."""

    status: int
    content_type: str
    body: bytes

    @classmethod
    async def of(cls, response: aiohttp.ClientResponse) -> "Answered":
        """Read an answer."""
        return cls(response.status, response.headers["Content-Type"], await response.read())

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Pair:
    """The gateway in front of everything, and a server of what is permitted."""

    through: Harness
    direct: str

    async def both(self, path: str, **more: Any) -> tuple[Answered, Answered]:
        """Ask both the same."""
        own = {**TENANT, "Accept-Encoding": "identity", **more.pop("headers", {})}
        method = more.pop("method", "GET")
        through = await self.through.client.request(method, path, headers=own, **more)
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, f"{self.direct}{path}", headers=own, **more) as direct,
        ):
            return await Answered.of(through), await Answered.of(direct)


@contextlib.asynccontextmanager
async def pair(start: Factory[Prometheus], tenant: str) -> AsyncIterator[Pair]:
    """Yield both for one of the tenants."""
    settings = {"external_labels": EXTERNAL, "flags": ("--enable-feature=exemplar-storage",)}
    settings["settings"] = {"storage": {"exemplars": {"max_exemplars": 1000}}}
    rules = promql.RuleSet(map(promql.parse_rule, TENANTS[tenant]))
    everything, permitted = await start(**settings), await start(**settings)
    now = int(time.time())
    await load(everything, promql.RuleSet([()]), now)
    await load(permitted, rules, now)
    async with gateway([]) as harness:
        harness.backends.snapshot["a"] = described(everything)
        harness.policies.grant("shop", *TENANTS[tenant])
        yield Pair(harness, permitted.url)


def described(server: Prometheus) -> contracts.Backend:
    """Return the server as discovery describes it."""
    return contracts.Backend(
        id="a",
        url=server.url,
        ha_set="a",
        healthy=True,
        version="2.42.0",
        traits=contracts.UpstreamTraits(major=2),
        external_labels={"cluster": "eu1"},
        replica_labels={"replica": "r0"},
    )


FEDERATED = (
    "?match[]=up",
    "?match[]=requests_total&match[]=up{job=%22api%22}",
    "?match[]={__name__=~%22.%2b%22}",
    "?match[]={cluster=%22eu1%22}",
    "",
)
ACCEPTED = (
    "text/plain",
    "application/openmetrics-text;version=1.0.0",
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
)
EXEMPLARS = (
    "requests_total",
    "sum(rate(requests_total[5m])) / sum(up)",
    '{job="api"}',
    '{__name__=~".+"}[5m]',
    "rate({job='api'}[5m])",
    "absent(errors_total)",
)


def federated(answer: Answered) -> tuple[int, str, list[bytes] | list[int]]:
    """Return an answer apart from the order of series, which is that of the storage."""
    is_text = answer.content_type.startswith(("text", "application/openmetrics"))
    lines = sorted(answer.body.splitlines()) if is_text else sorted(answer.body)
    return answer.status, answer.content_type, lines


def ordered(value: Any) -> Any:
    """Sort lists of objects, which come in the order of storage."""
    if isinstance(value, list):
        return sorted(map(ordered, value), key=lambda one: json.dumps(one, sort_keys=True))
    if isinstance(value, dict):
        return {name: ordered(one) for name, one in value.items()}
    return value


@pytest.mark.parametrize("tenant", TENANTS)
async def test_answers_are_those_of_the_permitted_series(
    tenant: str, prometheus_factory: Factory[Prometheus]
) -> None:
    different = {}
    async with pair(prometheus_factory, tenant) as asked:
        for query in FEDERATED:
            for accept in ACCEPTED:
                through, direct = await asked.both(f"/federate{query}", headers={"Accept": accept})
                if federated(through) != federated(direct):
                    different[f"federate {query} {accept}"] = (through, direct)
        for query in EXEMPLARS:
            given = {"query": query, "start": str(END - 600), "end": str(END + 1)}
            through, direct = await asked.both("/api/v1/query_exemplars", params=given)
            if (through.status, ordered(through.json)) != (direct.status, ordered(direct.json)):
                different[f"exemplars {query}"] = (through, direct)
        different |= await differences_of_remote_read(asked)

    assert different == {}


# --- remote read

READS: tuple[list[tuple[str, str, str]], ...] = (
    [("__name__", "=", "up")],
    [("__name__", "=~", ".+")],
    [("job", "=", "api")],
    [("namespace", "=", "bank")],
    [("namespace", "=", "")],
    [("cluster", "=", "eu1"), ("__name__", "=", "up")],
    [("cluster", "=", "us1")],
    [("cluster", "!=", "us1"), ("job", "=", "web")],
    [("nothing", "=", ""), ("__name__", "=", "requests_total")],
    [("replica", "=", "r0")],
    [],
)
OPS = ("=", "!=", "=~", "!~")
READ_HEADERS = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"}


async def differences_of_remote_read(asked: Pair) -> dict[str, Any]:
    """Ask each selection alone, and all in one request, in both forms."""
    different = {}
    for streamed in (0, 1):
        for queries in (*([one] for one in READS), READS):
            message = remote_pb2.ReadRequest()
            message.accepted_response_types.append(streamed)  # type: ignore[arg-type]  # a number will do
            for matchers in queries:
                query = message.queries.add(
                    start_timestamp_ms=(END - 300) * 1000, end_timestamp_ms=END * 1000
                )
                for label, op, value in matchers:
                    query.matchers.add(type=OPS.index(op), name=label, value=value)
            body = snappy_block.compress(message.SerializeToString())
            through, direct = await asked.both(
                "/api/v1/read", method="POST", data=body, headers=READ_HEADERS
            )
            read = chunks if streamed else samples
            if through.status != 200 or read(through) != read(direct):
                different[f"read {streamed} {queries}"] = (through, direct)
    return different


type Found = dict[int, dict[tuple[tuple[str, str], ...], Any]]


def samples(answer: Answered) -> Found:
    """Return the samples of each series of each query."""
    assert answer.content_type == "application/x-protobuf"
    message = remote_pb2.ReadResponse.FromString(
        snappy_block.decompress(answer.body, limit=1 << 24)
    )
    return {
        number: {
            tuple((label.name, label.value) for label in one.labels): [
                (sample.timestamp, sample.value) for sample in one.samples
            ]
            for one in result.timeseries
        }
        for number, result in enumerate(message.results)
    }


def chunks(answer: Answered) -> Found:
    """Return the chunks of each series of each query; the order of frames is checked."""
    assert answer.content_type.startswith("application/x-streamed-protobuf")
    found: Found = {}
    data, position = answer.body, 0
    while position < len(data):
        size, start = protowire.read_varint(data, position, len(data))
        position = start + 4 + size
        fields = list(protowire.fields(data, start + 4, position))
        series = next(one for one in fields if one.number == 1)
        query = next(
            (
                protowire.read_varint(data, one.start, one.end)[0]
                for one in fields
                if one.number == 2
            ),
            0,
        )
        labels = remote_write.series_labels(
            data, remote_write.Span(series.entry, series.start, series.end)
        )
        chunk = data[remote_write.labels_end(data, series.start, series.end) : series.end]
        key = tuple(sorted(labels.items()))
        assert not found or query >= max(found)
        found.setdefault(query, {}).setdefault(key, b"")
        found[query][key] += chunk
    return found


# --- what comes from targets and rules


EXPOSED = """\
# HELP shop_requests What the shop does.
# TYPE shop_requests counter
shop_requests_total{{namespace="{namespace}"}} 1
# HELP {namespace}_seconds How long.
# TYPE {namespace}_seconds histogram
{namespace}_seconds_bucket{{le="1",namespace="{namespace}"}} 1
{namespace}_seconds_bucket{{le="+Inf",namespace="{namespace}"}} 1
{namespace}_seconds_sum{{namespace="{namespace}"}} 1
{namespace}_seconds_count{{namespace="{namespace}"}} 1
# EOF
"""


def target(namespace: str) -> TestServer:
    """Return a target whose series carry their namespace as a label of their own."""

    async def expose(_: web.Request) -> web.Response:
        text = EXPOSED.format(namespace=namespace)
        return web.Response(
            text=text, headers={"Content-Type": "application/openmetrics-text; version=1.0.0"}
        )

    app = web.Application()
    app.router.add_get("/metrics", expose)
    return TestServer(app)


RULES: dict[str, Any] = {
    "groups": [
        {
            "name": "mixed",
            "rules": [
                {
                    "alert": "ShopHere",
                    "expr": 'shop_requests_total{namespace="shop"} > 0',
                    "labels": {"severity": "page"},
                    "annotations": {"summary": "shop {{ $value }}"},
                },
                {"record": "bank:x", "expr": 'shop_requests_total{namespace="bank"}'},
                {
                    "alert": "Everybody",
                    "expr": "shop_requests_total > 0",
                    "annotations": {"summary": "v1ct1m"},
                },
            ],
        },
        {
            "name": "bank",
            "rules": [
                {
                    "alert": "BankHere",
                    "expr": 'shop_requests_total{namespace="bank"} > 0',
                    "annotations": {"summary": "v1ct1m"},
                }
            ],
        },
        {"name": "nobody", "rules": [{"alert": "Watchdog", "expr": "vector(1)"}]},
    ]
}


@contextlib.asynccontextmanager
async def scraped(start: Factory[Prometheus], tmp_path: Path) -> AsyncIterator[Harness]:
    """Yield a gateway in front of a server that scrapes two targets and evaluates rules."""
    rules = tmp_path / "rules.yml"
    rules.write_text(yaml.safe_dump(RULES))
    async with target("shop") as shop, target("bank") as bank, gateway([]) as harness:
        server = await start(
            scrape_interval="1s",
            scrape_configs=[
                {
                    "job_name": "all",
                    "static_configs": [
                        {"targets": [f"{one.host}:{one.port}" for one in (shop, bank)]}
                    ],
                }
            ],
            settings={"rule_files": [str(rules)]},
        )
        harness.backends.snapshot["a"] = described(server)
        harness.policies.grant("shop", '{namespace="shop"}')
        yield harness


async def data(harness: Harness, path: str, **parameters: str) -> Any:
    answer = await harness.client.get(path, params=parameters, headers=TENANT)
    assert answer.status == 200
    return (await answer.json())["data"]


async def until(harness: Harness, path: str, expected: Mapping[str, Any]) -> Any:
    """Ask until the answer has what is expected, for at most 15 seconds: targets are scraped."""
    async with asyncio.timeout(15):
        while not expected["found"](found := await data(harness, path)):  # noqa: ASYNC110 - a server announces nothing
            await asyncio.sleep(0.1)
    return found


async def test_metadata_is_that_of_the_tenants_series(
    prometheus_factory: Factory[Prometheus], tmp_path: Path
) -> None:
    async with scraped(prometheus_factory, tmp_path) as harness:
        found = await until(harness, "/api/v1/metadata", {"found": lambda it: len(it) >= 2})
        assert {name: entries[0]["type"] for name, entries in found.items()} == {
            "shop_requests": "counter",
            "shop_seconds": "histogram",
        }
        assert set(await data(harness, "/api/v1/metadata", metric="bank_seconds")) == set()
        assert set(await data(harness, "/api/v1/metadata", limit="1")) == {"shop_requests"}

        targets = await data(harness, "/api/v1/targets/metadata")
        assert {one["metric"] for one in targets} == {"shop_requests", "shop_seconds"}
        assert len({one["target"]["instance"] for one in targets}) == 1


async def test_rules_and_alerts_are_those_of_the_tenant(
    prometheus_factory: Factory[Prometheus], tmp_path: Path
) -> None:
    async with scraped(prometheus_factory, tmp_path) as harness:
        alerts = await until(
            harness, "/api/v1/alerts", {"found": lambda it: len(it["alerts"]) >= 2}
        )
        rules = await data(harness, "/api/v1/rules")

    shown = {one["labels"]["alertname"]: one for one in alerts["alerts"]}
    assert set(shown) == {"ShopHere", "Everybody"}
    assert shown["ShopHere"]["annotations"] == {"summary": "shop 1"}
    assert (shown["Everybody"]["labels"]["namespace"], shown["Everybody"]["annotations"]) == (
        "shop",
        {},
    )
    (group,) = rules["groups"]
    assert [rule["name"] for rule in group["rules"]] == ["ShopHere"]
    assert "v1ct1m" not in str(alerts) + str(rules)
    assert "bank" not in str(alerts) + str(rules)
