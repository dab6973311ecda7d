"""Rules are shown by what they read, alerts by their rule or by their labels."""

from typing import Any

import msgspec
import pytest

import tenantry_promql as promql
from query_gateway import rule_groups
from query_gateway.answers import NotAnAnswer
from query_gateway.failures import Failure
from query_gateway.parameters import Arguments

SHOP = promql.RuleSet([promql.parse_rule('{namespace="shop"}')])
EVERYTHING = promql.RuleSet([()])
TIME = "2026-01-01T00:00:00Z"


def alert(**labels: str) -> dict[str, Any]:
    return {
        "labels": {"alertname": "A", **labels},
        "annotations": {"summary": "s"},
        "state": "firing",
        "activeAt": TIME,
        "value": "1e+00",
    }


def alerting(query: str, *alerts: dict[str, Any], name: str = "A", **more: Any) -> dict[str, Any]:
    return {
        "type": "alerting",
        "name": name,
        "query": query,
        "duration": 60,
        "labels": {"severity": "page"},
        "annotations": {"summary": "{{ $value }}"},
        "alerts": list(alerts),
        "state": "firing",
        "health": "ok",
        "evaluationTime": 0.1,
        "lastEvaluation": TIME,
        **more,
    }


def recording(query: str, name: str = "r", **more: Any) -> dict[str, Any]:
    return {
        "type": "recording",
        "name": name,
        "query": query,
        "health": "ok",
        "evaluationTime": 0.1,
        "lastEvaluation": TIME,
        **more,
    }


def group(*rules: dict[str, Any], name: str = "g", file: str = "/f.yml") -> dict[str, Any]:
    return {
        "name": name,
        "file": file,
        "rules": list(rules),
        "interval": 15,
        "limit": 0,
        "evaluationTime": 0.1,
        "lastEvaluation": TIME,
    }


def encoded(*groups: dict[str, Any]) -> bytes:
    return msgspec.json.encode({"status": "success", "data": {"groups": list(groups)}})


def rules(
    *groups: dict[str, Any], permitted: promql.RuleSet = SHOP, several: Any = None, **single: Any
) -> Any:
    arguments = Arguments(single=single, several=several or {})
    return msgspec.json.decode(rule_groups.rules(encoded(*groups), arguments, permitted))["data"]


def alerts(*groups: dict[str, Any], permitted: promql.RuleSet = SHOP) -> Any:
    body = rule_groups.alerts(encoded(*groups), permitted)
    return msgspec.json.decode(body)["data"]["alerts"]


@pytest.mark.parametrize(
    ("rule", "shown"),
    [
        pytest.param(alerting('up{namespace="shop"} == 0'), True, id="inside"),
        pytest.param(recording('sum(rate(x{namespace="shop"}[5m]))'), True, id="recording"),
        pytest.param(alerting("up == 0"), False, id="outside"),
        pytest.param(
            alerting('up{namespace="shop"} == 0 and on () y', alert(namespace="shop")),
            False,
            id="half outside",
        ),
        pytest.param(alerting("vector(1)"), False, id="of no series"),
        pytest.param(alerting('x{namespace="shop",namespace="bank"}'), False, id="of none at all"),
        pytest.param(alerting("up ==="), False, id="not readable"),
        pytest.param(
            alerting('up{namespace="shop"}', annotations={"a": '{{ query "x" }}'}),
            False,
            id="whose annotation asks a query",
        ),
        pytest.param(
            alerting('up{namespace="shop"}', labels={"a": '{{ query "x" }}'}),
            False,
            id="whose label asks a query",
        ),
    ],
)
def test_a_rule_is_shown_to_those_who_may_read_all_that_it_reads(
    rule: dict[str, Any], shown: bool
) -> None:
    assert rules(group(rule)) == {"groups": [group(rule)] if shown else []}
    assert rules(group(rule), permitted=EVERYTHING) == {"groups": [group(rule)]}


def test_of_a_group_the_tenants_rules_are_shown() -> None:
    own, other = recording('x{namespace="shop"}'), recording('x{namespace="bank"}')

    assert rules(group(own, other), group(other, name="bank", file="/bank.yml")) == {
        "groups": [group(own)]
    }


def test_unknown_fields_are_not_passed_on() -> None:
    rule = alerting('x{namespace="shop"}', alert(namespace="shop", more="1"), hidden="x")

    (shown,) = rules({**group(rule), "hidden": "x"})["groups"]

    assert "hidden" not in shown
    assert "hidden" not in shown["rules"][0]


A = alerting('a{namespace="shop"}', alert(), name="A")
B = alerting('b{namespace="shop"}', name="B", labels={"severity": "none"})
R = recording('c{namespace="shop"}', name="R", labels={"team": "x"})
FIRST, SECOND = group(A, R, name="one", file="/1.yml"), group(B, name="two", file="/2.yml")


@pytest.mark.parametrize(
    ("single", "several", "names"),
    [
        ({}, {}, ["A", "R", "B"]),
        ({"type": "alert"}, {}, ["A", "B"]),
        ({"type": "RECORD"}, {}, ["R"]),
        ({}, {"rule_name[]": ("A", "R")}, ["A", "R"]),
        ({}, {"rule_group[]": ("two",)}, ["B"]),
        ({}, {"file[]": ("/1.yml",)}, ["A", "R"]),
        ({}, {"match[]": ('{severity="page"}', '{team="x"}')}, ["A", "R"]),
        ({"type": "alert"}, {"match[]": ('{severity="page"}',), "file[]": ("/2.yml",)}, []),
    ],
)
def test_filters_apply_to_what_is_shown(
    single: dict[str, Any], several: dict[str, tuple[str, ...]], names: list[str]
) -> None:
    found = rules(FIRST, SECOND, several=several, **single)["groups"]

    assert [rule["name"] for group in found for rule in group["rules"]] == names
    assert all(group["rules"] for group in found)


@pytest.mark.parametrize(
    ("single", "several"),
    [
        ({"type": "x"}, {}),
        ({"exclude_alerts": "maybe"}, {}),
        ({"group_limit": "-1"}, {}),
        ({"group_next_token": "x"}, {}),
        ({"group_next_token": "x", "group_limit": "1"}, {}),
        ({}, {"match[]": ("{",)}),
    ],
)
def test_filters_that_make_no_sense_are_refused(
    single: dict[str, Any], several: dict[str, tuple[str, ...]]
) -> None:
    with pytest.raises(Failure) as failure:
        rules(FIRST, several=several, **single)

    assert failure.value.status == 400


def test_alerts_can_be_left_out() -> None:
    (shown,) = rules(FIRST, exclude_alerts="true")["groups"]

    assert shown["rules"] == [{**A, "alerts": []}, R]


def test_groups_come_page_by_page() -> None:
    hidden = group(recording("x"), name="hidden")

    first = rules(FIRST, hidden, SECOND, group_limit="1")
    second = rules(FIRST, hidden, SECOND, group_limit="1", group_next_token=first["groupNextToken"])

    assert first["groups"] == [FIRST]
    assert second == {"groups": [SECOND]}


def test_alerts_of_a_shown_rule_are_shown_whole() -> None:
    assert alerts(group(A, R)) == [alert()]


def test_an_alert_of_another_rule_is_shown_by_its_labels_without_value_and_annotations() -> None:
    own, other = alert(namespace="shop", pod="a"), alert(namespace="bank")

    assert alerts(group(alerting("up == 0", own, other, alert()))) == [
        {**own, "annotations": {}, "value": ""}
    ]


@pytest.mark.parametrize(
    ("rule", "shown"),
    [
        ('{namespace="shop"}', True),
        ('ALERTS{namespace="shop"}', True),
        ('{namespace!="bank",alertstate="firing"}', True),
        ('up{namespace="shop"}', False),
        ('{alertstate="pending"}', False),
        ('{namespace="shop",team="a"}', False),
    ],
)
def test_an_alert_is_shown_as_the_series_that_is_stored_of_it(rule: str, shown: bool) -> None:
    permitted = promql.RuleSet([promql.parse_rule(rule)])

    found = alerts(group(alerting("x", alert(namespace="shop"))), permitted=permitted)

    assert len(found) == shown


def test_who_may_see_everything_sees_every_alert_whole() -> None:
    assert alerts(group(alerting("vector(1)", alert())), permitted=EVERYTHING) == [alert()]


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b'{"status":"error"}', b'{"status":"success","data":{"groups":[{}]}}'],
)
def test_an_answer_that_is_none_is_not_shown(body: bytes) -> None:
    with pytest.raises(NotAnAnswer):
        rule_groups.alerts(body, SHOP)
