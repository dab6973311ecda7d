"""Hostile expressions, wherever an expression is taken.

Classes (`hostile.EXPRESSIONS`): selectors in every place where PromQL allows an expression, parameters
of aggregations included, names that `label_replace` and `label_join` forge, `info()`, UTF-8 names,
empty and absent labels, `or` inside braces; statistics.
"""

import pytest
from tests.leakage import victim
from tests.leakage.compared import all_of, attack_both_ways, compare
from tests.leakage.estate import Estate
from tests.leakage.hostile import EXPRESSIONS

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

_ENDPOINTS = {
    "query": (("time", str(victim.END)),),
    "query_range": (
        ("start", str(victim.END - 120)),
        ("end", str(victim.END)),
        ("step", "30"),
    ),
    "query_exemplars": (("start", str(victim.START)), ("end", str(victim.END + 1))),
}


_CASES = [
    *(("query", tenant) for tenant in victim.TENANTS),
    *(
        (endpoint, tenant)
        for endpoint in ("query_range", "query_exemplars")
        for tenant in ("union", "absent", "crossed")
    ),
]


@pytest.mark.parametrize(("endpoint", "tenant"), _CASES)
async def test_an_expression_sees_the_permitted_series_only(
    attacked: Estate, endpoint: str, tenant: str
) -> None:
    with attacked.judged(tenant):
        await all_of(
            *(
                compare(
                    attacked,
                    tenant,
                    f"/api/v1/{endpoint}",
                    (("query", text), *_ENDPOINTS[endpoint]),
                )
                for text in EXPRESSIONS
            )
        )


async def test_what_only_reads_expressions_asks_nobody(attacked: Estate) -> None:
    with attacked.judged("shop") as reached:
        await all_of(
            *(
                attack_both_ways(
                    attacked, "shop", f"/api/v1/{endpoint}", (("query", text),), methods
                )
                for text in EXPRESSIONS
                for endpoint, methods in (
                    ("format_query", ("GET", "POST")),
                    ("parse_query", ("GET", "POST")),
                    ("tenant/explain", ("POST",)),
                )
            )
        )

    assert reached == []


@pytest.mark.parametrize("tenant", ["shop", "names"])
async def test_statistics_do_not_count_what_is_hidden(attacked: Estate, tenant: str) -> None:
    with attacked.judged(tenant) as reached:
        for endpoint, more in _ENDPOINTS.items():
            pairs = (("query", "shared_total"), ("stats", "all"), *more)
            for answer in (
                await attack_both_ways(
                    attacked, tenant, f"/api/v1/{endpoint}", pairs, ("GET", "POST")
                )
            ).values():
                assert b"samples" not in answer.body.lower()

    assert all("stats" not in dict(one.pairs) for one in reached)
