"""The operator's pages say what the gateway knows."""

from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from query_gateway import pages
from query_gateway.backends import Backends
from query_gateway.policies import Policies
from query_gateway.testing import FixedBackends, FixedPolicies
from tenantry_common import ops
from tenantry_common.contracts import Backend

CONFIRMED = 1_700_000_000.0


async def get(policies: FixedPolicies, path: str, confirmed: float = CONFIRMED) -> object:
    found = ops.Pages(CollectorRegistry(), ops.Readiness())
    backends = FixedBackends({"a": Backend(id="a", url="http://a", ha_set="s", healthy=True)})
    pages.add(found, Policies(policies, 900), Backends(backends), lambda: confirmed)
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


async def test_what_adobes_proxy_says_is_there_under_its_names() -> None:
    policies = FixedPolicies()
    policies.grant("a", "up", "down")

    tenants = await get(policies, "/debug/tenants")
    targets = await get(policies, "/debug/targets")

    assert isinstance(tenants, dict)
    assert isinstance(targets, dict)
    ((tenant,), (target,)) = tenants["tenants"], targets["targets"]
    assert {name: tenant[name] for name in ("id", "name", "namespace", "patterns")} == {
        "id": "a",
        "name": "a",
        "namespace": "a",
        "patterns": 2,
    }
    assert {name: target[name] for name in ("url", "healthy", "last_seen")} == {
        "url": "http://a",
        "healthy": True,
        "last_seen": "2023-11-14T22:13:20Z",
    }


async def test_a_list_that_was_never_read_was_never_seen() -> None:
    targets = await get(FixedPolicies(), "/debug/targets", confirmed=float("-inf"))

    assert isinstance(targets, dict)
    assert [one["last_seen"] for one in targets["targets"]] == [""]
