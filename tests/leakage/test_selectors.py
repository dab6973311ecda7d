"""Hostile selectors and labels, wherever they are taken.

Classes (`hostile.SELECTORS`, `hostile.LABELS`): those of expressions, `U__` aliases, limits, metadata.
"""

import asyncio
import json

import pytest
from tests.leakage import victim
from tests.leakage.compared import all_of, compare
from tests.leakage.estate import Estate
from tests.leakage.hostile import LABELS, SELECTORS

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

_ENDPOINTS = {
    "/api/v1/series": ("GET", "POST"),
    "/api/v1/labels": ("GET", "POST"),
    "/api/v1/label/__name__/values": ("GET",),
    "/api/v1/label/secret/values": ("GET",),
    "/api/v1/label/namespace/values": ("GET",),
    "/federate": ("GET",),
}
_TIMES = (("start", str(victim.START)), ("end", str(victim.END)))


@pytest.mark.parametrize("tenant", victim.TENANTS)
async def test_a_selector_selects_the_permitted_series_only(attacked: Estate, tenant: str) -> None:
    sets = [(one,) for one in SELECTORS] + [("up", one) for one in SELECTORS] + [()]
    with attacked.judged(tenant):
        await all_of(
            *(
                compare(
                    attacked,
                    tenant,
                    endpoint,
                    (
                        *(("match[]", one) for one in given),
                        *(() if endpoint == "/federate" else _TIMES),
                    ),
                    methods,
                )
                for endpoint, methods in _ENDPOINTS.items()
                for given in sets
            )
        )


@pytest.mark.parametrize("tenant", ["shop", "absent"])
async def test_a_label_has_the_values_of_the_permitted_series_only(
    attacked: Estate, tenant: str
) -> None:
    with attacked.judged(tenant):
        await all_of(
            *(
                attacked.attack(tenant, method, f"/api/v1/label/{label}/values{query}")
                for label in LABELS
                for query in ("", "?match[]={__name__=~%22.%2b%22}", "?limit=1", "?limit=x")
                for method in ("GET", "POST")
            )
        )


@pytest.mark.parametrize("limit", ["1", "2", "0", "999999999999", "-1", "x"])
async def test_a_limit_counts_what_is_permitted(attacked: Estate, limit: str) -> None:
    with attacked.judged("absent"):
        for path in ("/api/v1/labels", "/api/v1/label/__name__/values"):
            found = await attacked.attack("absent", "GET", f"{path}?limit={limit}")
            if found.status == 200 and limit in ("1", "2"):
                assert len(json.loads(found.body)["data"]) == int(limit)


_SEARCH = ("metric_names", "label_names", "label_values")


async def test_search_asks_nobody_who_is_too_old_for_it(attacked: Estate) -> None:
    with attacked.judged("shop") as reached:
        await all_of(
            *(
                attacked.attack("shop", method, f"/api/v1/search/{name}?search[]=bank&label=secret")
                for name in _SEARCH
                for method in ("GET", "POST")
            )
        )

    assert reached == []


# --- what is not asked for by selectors


async def _answers(attacked: Estate, path: str) -> None:
    """Ask as everybody, in the ways that the endpoint knows."""
    ways = (
        "",
        "?metric=hidden_requests",
        "?metric=up",
        "?limit=1",
        "?limit=100000&limit_per_metric=5",
        "?match_target={}",
        "?match_target={secret!=%22%22}",
        "?type=alert",
        "?type=record",
        "?exclude_alerts=false",
        "?match[]={secret!=%22%22}",
        "?match[]={namespace=%22bank%22}",
        "?rule_name[]=Bank",
        "?rule_group[]=x&file[]=y",
        "?group_limit=1",
        "?group_limit=1&group_next_token=x",
    )
    for tenant in victim.TENANTS:
        with attacked.judged(tenant):
            await all_of(*(attacked.attack(tenant, "GET", path + way) for way in ways))


@pytest.mark.parametrize(
    "path",
    ["/api/v1/metadata", "/api/v1/targets/metadata", "/api/v1/rules", "/api/v1/alerts"],
)
async def test_nothing_of_the_victim_is_told(attacked: Estate, path: str) -> None:
    url = f"{attacked.recorder.url}{path}"
    async with asyncio.timeout(20):
        # Without something to hide this would prove nothing.
        while victim.MARK not in (await attacked.send(url, "GET")).body.decode():  # noqa: ASYNC110 - a server announces nothing
            await asyncio.sleep(0.1)

    await _answers(attacked, path)


@pytest.mark.parametrize(
    "path",
    ["status/buildinfo", "status/runtimeinfo", "features", "tenant/access", "tenant/openapi.json"],
)
async def test_what_the_gateway_says_of_itself_asks_nobody(attacked: Estate, path: str) -> None:
    for tenant in victim.TENANTS:
        with attacked.judged(tenant) as reached:
            found = await attacked.attack(tenant, "GET", f"/api/v1/{path}")
            assert found.status == 200

    assert reached == []
