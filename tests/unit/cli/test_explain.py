"""`tenantry explain` tells what becomes of a query under the rules of manifests."""

import dataclasses
import io
from pathlib import Path

import pytest
from rich.console import Console

from query_gateway import route
from tenantry_cli import explain
from tenantry_common import errors
from tenantry_common.contracts import Backend

EXAMPLES = [Path(__file__).parents[3] / "examples" / "metricaccess"]


def shown(tenant: str, query: str) -> str:
    console = Console(width=200, record=True, file=io.StringIO())
    ground = explain.in_files(EXAMPLES, tenant)
    console.print(explain.render(explain.explain(ground, query)))
    return console.export_text()


def test_what_is_added_and_what_is_sent_is_shown() -> None:
    text = shown("team-web", "sum(http_requests_total)")

    assert 'sum(http_requests_total{namespace="team-web"})' in text
    assert "restricted" in text


def test_an_empty_selector_is_explained_rule_by_rule() -> None:
    text = shown("team-batch", "vault_secrets_total")

    assert ("empty" in text, "other __name__" in text) == (True, True)


def test_a_refusal_says_why() -> None:
    assert "refused" in shown("team-web", 'rate({namespace="team-web"}[5m])')


def test_an_unknown_tenant_is_told_who_is_known() -> None:
    with pytest.raises(errors.TenantryError, match=r"known: platform, team-batch, team-web"):
        explain.in_files(EXAMPLES, "team-x")


def test_over_several_shards_the_plan_is_shown() -> None:
    ground = explain.in_files(EXAMPLES, "team-web")
    backends = [Backend(id=f"b{n}", url="", ha_set=f"s{n}", healthy=True) for n in range(2)]
    shards = dataclasses.replace(ground, routes=route.routes("team-web", backends))
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(explain.over_shards(shards, "sum(up)"))

    text = console.export_text()

    assert explain.over_shards(ground, "sum(up)") is None
    assert '"merge": "sum"' in text
    assert '"shard": "s1"' in text
