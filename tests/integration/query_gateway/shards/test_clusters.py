"""Several clusters: the gateway of one is a backend of another, and grants end where their clusters do."""

import io
import time
from pathlib import Path
from typing import Any

import msgspec
from tests.integration.query_gateway.estate import Answer, Estate, running, succeeded
from tests.integration.query_gateway.shards.servers import announce, backend, store

import tenantry_promql as promql
from query_gateway import new_key
from tenantry_common import contracts, kv, subjects, testing
from tenantry_local.nats_server import NatsServer
from tenantry_local.prometheus import Prometheus
from tenantry_local.testing import Factory


def series(cluster: str) -> list[dict[str, str]]:
    return [{"__name__": "up", "namespace": name, "job": cluster} for name in ("shop", "bank")]


def found(answer: Answer) -> list[str]:
    assert answer.status == 200, answer.body
    return sorted(one["metric"]["job"] for one in answer.body["data"]["result"])


async def grant_within(estate: Estate, tenant: str, rule: str, *clusters: str) -> None:
    """Publish a policy that counts in some clusters only."""
    parsed = tuple(contracts.Matcher(*one) for one in promql.parse_rule(rule))
    policy = contracts.TenantPolicy(
        tenant=tenant,
        digest=promql.RuleSet(()).digest,
        rules=(),
        limited=(contracts.LimitedRules(clusters=clusters, rules=(parsed,)),),
    )
    key = subjects.token(tenant)
    await kv.put(estate.connection, subjects.POLICIES, key, contracts.encode(policy))


async def test_a_gateway_asks_another_one_and_keeps_grants_within_their_clusters(
    estate: Estate,
    prometheus_factory: Factory[Prometheus],
    nats_server_factory: Factory[NatsServer],
    tmp_path: Path,
) -> None:
    end = int(time.time()) // 15 * 15 - 30
    eu, us = await prometheus_factory(), await prometheus_factory()
    for server, cluster in ((eu, "eu"), (us, "us")):
        await store(server, series(cluster), end)
    token = tmp_path / "token"
    keys = tmp_path / "keys.yaml"
    entry, key = io.StringIO(), io.StringIO()
    assert new_key.main(["other", "--tenant", "platform"], out=entry, err=key) == 0
    keys.write_text("keys:\n" + entry.getvalue())
    token.write_text(key.getvalue())
    other_nats = await nats_server_factory()
    (tmp_path / "eu").mkdir()
    async with testing.ready_bus(other_nats.url) as connection:
        inner = Estate(tmp_path / "eu", other_nats, connection)
        await inner.grant("platform", "{}")
        await announce(inner, backend("all", 0, eu.url))
        async with running(
            inner.gateway(auth={"modes": ["apikey"], "apikey": {"file": str(keys)}})
        ):
            await _several_clusters(estate, inner, us, end, str(token))


async def _several_clusters(
    estate: Estate, inner: Estate, us: Prometheus, end: int, token: str
) -> None:
    profile: dict[str, Any] = {"bearer_token_file": token, "plain_http": True}
    await estate.grant("everywhere", '{namespace="shop"}')
    await grant_within(estate, "within-eu", '{namespace="shop"}', "eu")
    await grant_within(estate, "within-both", '{namespace="bank"}', "eu", "us")
    await grant_within(estate, "elsewhere", '{namespace="bank"}', "asia")
    await announce(estate, backend("s-eu", 0, inner.url, cluster="eu", access="eu"))
    await announce(estate, backend("s-us", 0, us.url, cluster="us"))
    async with running(estate.gateway(backend_access={"eu": profile})):
        await estate.until(succeeded, "query", "everywhere", query="up")

        async def asked(tenant: str) -> list[str]:
            return found(await estate.ask("query", tenant, query="up", time=str(end)))

        assert await asked("everywhere") == ["eu", "us"]
        assert await asked("within-eu") == ["eu"]
        assert await asked("within-both") == ["eu", "us"]
        assert await asked("elsewhere") == []
        values = await estate.ask("label/namespace/values", "within-eu")
        assert values.body["data"] == ["shop"]
        explained = await estate.ask("tenant/access", "within-eu")
        assert explained.body["data"]["limited"] == [
            {"clusters": ["eu"], "selectors": ['{namespace="shop"}']}
        ]

        # A backend of which nobody says in which cluster it is may be in any.
        unknown = backend("s-eu", 0, inner.url, access="eu")
        await announce(estate, unknown)
        await estate.until(
            lambda answer: found(answer) == [], "query", "within-eu", query="up", time=str(end)
        )
        assert await asked("everywhere") == ["eu", "us"]
        assert await asked("within-both") == ["us"]

        # Without its credentials the other gateway answers nothing, and that is said.
        await announce(estate, msgspec.structs.replace(unknown, access="none"))
        refused = await estate.until(
            lambda answer: answer.status == 503, "query", "everywhere", query="up"
        )
        assert "shard s-eu" in refused.body["error"]
