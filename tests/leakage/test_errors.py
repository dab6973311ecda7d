"""Errors say nothing of others, nor of what was injected.

Classes: texts of errors, tenants that exist and those that do not.
"""

import json

import pytest
from tests.leakage import victim
from tests.leakage.compared import FORM, all_of
from tests.leakage.estate import Estate
from tests.leakage.hostile import EXPRESSIONS, SELECTORS

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]

# The labels of permitted series may be quoted, what is added to selectors may not.
_INJECTED = ("__tenantry", 'namespace=~"shop"', 'secret=""', 'namespace!="bank"', "127.0.0.1")
_TIMES = ("time", "start", "end", "step", "timeout", "lookback_delta", "limit")


async def _told(attacked: Estate, tenant: str, path: str, **parameters: str) -> None:
    found = await attacked.attack(tenant, "POST", path, data=parameters, headers=FORM)
    if found.status == 200:
        return
    error = json.loads(found.body)["error"]
    given = " ".join(parameters.values())
    for text in _INJECTED:
        if text not in given:
            assert text not in error, (parameters, error)


@pytest.mark.parametrize("tenant", ["shop", "absent"])
async def test_a_complaint_does_not_quote_what_was_injected(attacked: Estate, tenant: str) -> None:
    with attacked.judged(tenant):
        await all_of(
            *(_told(attacked, tenant, "/api/v1/query", query=text) for text in EXPRESSIONS),
            *(
                _told(
                    attacked,
                    tenant,
                    "/api/v1/query_range",
                    query="up",
                    **{"start": "1", "end": "2", "step": "1", name: value},
                )
                for name in _TIMES
                for value in ("x", "-1", "9" * 40, "1e400", "NaN", "{namespace='bank'}", "")
            ),
            *(_told(attacked, tenant, "/api/v1/series", **{"match[]": text}) for text in SELECTORS),
        )


@pytest.mark.parametrize(
    "name", ["nowhere", "shop ", "SHOP", "../shop", "shop,bank", "*", "a" * 300]
)
async def test_an_unknown_tenant_is_told_the_same_as_any_other(attacked: Estate, name: str) -> None:
    found = await attacked.attack(name, "GET", "/api/v1/query?query=up")

    if name == "shop ":  # surrounding spaces do not belong to a header's value
        assert found.status == 200
    else:
        assert (found.status, json.loads(found.body)["errorType"]) in (
            (403, "forbidden"),
            (400, "bad_data"),  # a name that nobody can have
        )


async def test_no_answer_names_versions_or_backends(attacked: Estate) -> None:
    for path in ("/api/v1/query?query=up", "/nowhere", "/api/v1/query?query=(", "/federate"):
        found = await attacked.attack("shop", "GET", path)
        text = str(found.headers) + found.body.decode()
        for word in ("aiohttp", "Python", attacked.recorder.url, "Traceback", victim.MARK):
            assert word not in text
