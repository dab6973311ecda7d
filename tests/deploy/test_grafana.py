"""What Grafana is given fits together, and a tenant may ask all of it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from yarl import URL

import tenantry_promql as promql
from query_gateway.inbound import door

ROOT = Path(__file__).parents[2]
GRAFANA = ROOT / "deploy" / "grafana"
BOARDS = sorted((GRAFANA / "dashboards").glob("*.json"))
VARIABLES = {"$job": "web", "$metric": "up", "$__rate_interval": "1m"}
RULES = {
    "one rule": ['{namespace="shop"}'],
    "rules that overlap": ['{namespace="shop"}', 'up{job="web"}'],
    "names": ["up", "queue_.*"],
    "nothing": [],
}


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def board(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text()))


def queries(path: Path) -> Iterator[str]:
    for panel in board(path)["panels"]:
        for target in panel["targets"]:
            text = target["expr"]
            for name, value in VARIABLES.items():
                text = text.replace(name, value)
            yield text


@pytest.mark.parametrize("rules", RULES.values(), ids=RULES)
@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_every_query_of_a_dashboard_has_an_exact_rewriting(path: Path, rules: list[str]) -> None:
    granted = promql.RuleSet(map(promql.parse_rule, rules))
    asked = list(queries(path))

    assert asked
    for text in asked:
        assert "$" not in text
        assert promql.rewrite_query(text, granted, upstream=promql.Upstream.strictest()).queries


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_a_dashboard_asks_the_chosen_data_source_only(path: Path) -> None:
    found = re.findall(r'"uid": "([^"]*)"', path.read_text())

    assert set(found) == {board(path)["uid"], "${datasource}"}
    assert len({panel["id"] for panel in board(path)["panels"]}) == len(board(path)["panels"])


def test_the_dashboards_begin_with_the_provisioned_data_source() -> None:
    (source,) = load(GRAFANA / "provisioning" / "datasources" / "tenantry.yml")["datasources"]
    chosen = [
        variable["current"]
        for path in BOARDS
        for variable in board(path)["templating"]["list"]
        if variable["type"] == "datasource"
    ]

    assert chosen == [{"text": source["name"], "value": source["uid"]}] * len(BOARDS)


def test_the_compose_file_mounts_what_is_provisioned() -> None:
    compose = load(ROOT / "docker-compose.yml")
    mounts = dict(
        volume.removesuffix(":ro").split(":")
        for volume in compose["services"]["grafana"]["volumes"]
    )
    (provider,) = load(GRAFANA / "provisioning" / "dashboards" / "tenantry.yml")["providers"]
    (source,) = load(GRAFANA / "provisioning" / "datasources" / "tenantry.yml")["datasources"]

    assert {target: (ROOT / folder).resolve() for folder, target in mounts.items()} == {
        "/etc/grafana/provisioning": GRAFANA / "provisioning",
        provider["options"]["path"]: GRAFANA / "dashboards",
    }
    url = URL(source["url"])
    environment = compose["services"][url.host]["environment"]
    assert environment["TENANTRY__LISTEN__PORT"] == str(url.port)


def test_the_data_source_names_its_tenant_in_the_path() -> None:
    (source,) = load(GRAFANA / "provisioning" / "datasources" / "tenantry.yml")["datasources"]
    endpoint, tenant = door.find("POST", f"{URL(source['url']).path}/api/v1/query") or (None, None)

    assert (endpoint and endpoint.name, tenant) == ("query", "team-web")
