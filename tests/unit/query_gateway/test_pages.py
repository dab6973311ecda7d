"""The operator's pages say what the gateway knows."""

from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from query_gateway import pages
from query_gateway.backends import Backends
from query_gateway.policies import Policies
from query_gateway.testing import FixedBackends, FixedPolicies
from tenantry_common import ops
from tenantry_common.contracts import Backend


async def get(policies: FixedPolicies, path: str) -> object:
    found = ops.Pages(CollectorRegistry(), ops.Readiness())
    backends = FixedBackends({"a": Backend(id="a", url="http://a", ha_set="s", healthy=True)})
    pages.add(found, Policies(policies, 900), Backends(backends))
    async with TestClient(TestServer(found.app)) as client:
        return await (await client.get(path)).json()


async def test_health_counts_targets_and_tenants() -> None:
    policies = FixedPolicies()
    policies.grant("a", "up")

    assert await get(policies, "/health") == {
        "status": "healthy",
        "reason": "",
        "total_targets": 1,
        "healthy_targets": 1,
        "tenants": 1,
    }


async def test_health_says_why_nothing_is_answered() -> None:
    page = await get(FixedPolicies(version=0), "/health")

    assert isinstance(page, dict)
    assert (page["status"], page["reason"]) == (
        "unhealthy",
        "the policies have not been read yet",
    )


async def test_tenants_and_targets_are_listed() -> None:
    policies = FixedPolicies()
    policies.grant("a", "up")

    tenants = await get(policies, "/debug/tenants")
    targets = await get(policies, "/debug/targets")

    assert isinstance(tenants, dict)
    assert isinstance(targets, dict)
    assert [one["rules"] for one in tenants["tenants"]] == [["up"]]
    assert [(one["url"], one["healthy"]) for one in targets["targets"]] == [("http://a", True)]
