"""What is kept of one tenant's answers is no other tenant's, nor its own when it may see less."""

import asyncio
import json
from urllib.parse import quote

import aiohttp
import pytest
from tests.leakage import victim
from tests.leakage.compared import compare
from tests.leakage.estate import Estate

from tenantry_local.ports import LOOPBACK

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]

_QUERIES = (
    "shared_total",
    "sum(shared_total)",
    "count by (namespace, team) (shared_total)",
    "sum by (secret) ({__name__=~'.+'})",
    "rate(shared_total[1m])",
    "bank_total or shared_total",
)
_STEP = "15"
_FRESH_SECONDS = 120  # younger steps are not kept
_END = victim.END - _FRESH_SECONDS - 60


def _pairs(query: str) -> tuple[tuple[str, str], ...]:
    times = (("start", str(victim.START)), ("end", str(_END)), ("step", _STEP))
    return (("query", query), *times)


async def _kept(attacked: Estate) -> float:
    """Return how many steps were answered from memory so far."""
    url = f"http://{LOOPBACK}:{attacked.ops_port}/metrics"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        text = await answer.text()
    name = 'tenantry_query_gateway_cache_steps_total{outcome="kept"} '
    return sum(float(line[len(name) :]) for line in text.splitlines() if line.startswith(name))


@pytest.mark.parametrize("query", _QUERIES)
async def test_what_was_kept_for_one_tenant_is_not_told_to_another(
    attacked: Estate, query: str
) -> None:
    before = await _kept(attacked)
    for tenant in (victim.VICTIM, *victim.TENANTS, *victim.TENANTS):
        if tenant == victim.VICTIM:  # who may see its own mark
            url = f"{attacked.url}/api/v1/query_range"
            headers = {"X-Tenant-Namespace": tenant}
            found = await attacked.send(url, "POST", data=dict(_pairs(query)), headers=headers)
            assert found.status == 200
            continue
        with attacked.judged(tenant):
            await compare(attacked, tenant, "/api/v1/query_range", _pairs(query))

    assert await _kept(attacked) > before


async def test_what_was_kept_is_not_told_when_the_policy_permits_less(attacked: Estate) -> None:
    path = f"/api/v1/query_range?query={quote('sum by (team) (shared_total)')}&step={_STEP}"
    path += f"&start={victim.START}&end={_END}"

    async def teams() -> list[str]:
        found = await attacked.attack("changing", "GET", path)
        if found.status != 200:
            return [str(found.status)]
        return [one["metric"]["team"] for one in json.loads(found.body)["data"]["result"]]

    async def until(expected: list[str]) -> None:
        async with asyncio.timeout(5):
            while await teams() != expected:  # noqa: ASYNC110 - a process announces nothing
                await asyncio.sleep(0.02)

    await attacked.grant("changing", 'shared_total{secret=""}', 'shared_total{team="b"}')
    await until(["a", "b"])
    assert await teams() == ["a", "b"]  # kept by now
    await attacked.grant("changing", 'shared_total{team="a"}')
    await until(["a"])
    await attacked.withdraw("changing")
    await until(["403"])
