"""Conditions say what is so, why, and since when."""

from typing import Any

import pytest
from tests.unit.tenant_controller.compiling import DELIVERED, compiled

from tenant_controller import conditions
from tenant_controller.conditions import Condition
from tenant_controller.progress import Delivery, Replica


def found(
    *metrics: str, published: bool = True, delivery: Delivery | None = None, **spec: Any
) -> dict[str, tuple[str, str]]:
    made = conditions.of(compiled(*metrics, **spec), published, delivery)
    assert [one.name for one in made] == list(conditions.NAMES)
    return {one.name: (one.status, one.reason) for one in made}


def delivery(
    delivered: int = 5, error: str = "", collector_error: str = "", *, reports: bool = True
) -> Delivery:
    return Delivery(
        collected_ms=5,
        series=1,
        collector_reports=reports,
        collector_error=collector_error,
        replicas=(
            Replica(endpoint="p", delivered_ms=delivered, pending=0, rejected=0, error=error),
        ),
        writer_reports=reports,
    )


def test_an_object_for_queries_only() -> None:
    assert found("up") == {
        "Ready": ("True", "Ready"),
        "Valid": ("True", "Valid"),
        "Collecting": ("False", "NotRequested"),
        "Delivering": ("False", "NotRequested"),
        "BoundaryApplied": ("False", "NoBoundary"),
    }


def test_an_invalid_object() -> None:
    assert found("up{") == {
        "Ready": ("False", "Invalid"),
        "Valid": ("False", "Invalid"),
        "Collecting": ("False", "Invalid"),
        "Delivering": ("False", "Invalid"),
        "BoundaryApplied": ("Unknown", "Invalid"),
    }


def test_what_is_not_published_is_not_ready() -> None:
    assert found("up", published=False)["Ready"] == ("False", "Publishing")


def test_an_invalid_object_names_every_field_and_why() -> None:
    made = conditions.of(compiled("up{", "{}", metricIsolation="x"), True, None)

    message = made[1].message
    assert "$.spec.metrics[0]: " in message
    assert "$.spec.metrics[1]: matches every series" in message
    assert "$.spec.metricIsolation: expected true or false, not 'x'" in message


def test_very_many_problems_are_cut() -> None:
    made = conditions.of(compiled(*(f"up{{{n}" for n in range(100))), True, None)

    assert made[1].message.endswith("and 80 more")
    assert len(made[1].message) < 32768


def test_warnings_are_told_and_harm_nobody() -> None:
    made = conditions.of(compiled('{x=".*"}'), True, None)

    assert (made[1].status, made[1].reason) == ("True", "ValidWithWarnings")
    assert "compares with that very text" in made[1].message
    assert made[0].status == "True"


@pytest.mark.parametrize(
    ("boundary", "status", "reason"),
    [
        pytest.param("", "False", "NoBoundary", id="none"),
        pytest.param("up", "True", "NothingCut", id="it leaves all"),
        pytest.param('{job="x"}', "True", "Narrowed", id="it cuts"),
    ],
)
def test_boundaries(boundary: str, status: str, reason: str) -> None:
    assert found("up", boundary=boundary)["BoundaryApplied"] == (status, reason)


@pytest.mark.parametrize(
    ("state", "collecting", "delivering", "ready"),
    [
        pytest.param(
            delivery(), ("True", "Collecting"), ("True", "Delivering"), ("True", "Ready"), id="well"
        ),
        pytest.param(
            delivery(0, reports=False),
            ("Unknown", "Waiting"),
            ("Unknown", "Waiting"),
            ("False", "Waiting"),
            id="nobody has said anything",
        ),
        pytest.param(
            delivery(0),
            ("True", "Collecting"),
            ("Unknown", "Waiting"),
            ("False", "Waiting"),
            id="nothing has arrived",
        ),
        pytest.param(
            delivery(collector_error="away"),
            ("False", "Failing"),
            ("True", "Delivering"),
            ("False", "NotCollecting"),
            id="collecting fails",
        ),
        pytest.param(
            delivery(error="401"),
            ("True", "Collecting"),
            ("False", "Failing"),
            ("False", "NotDelivering"),
            id="delivering fails",
        ),
    ],
)
def test_a_delivery(state: Delivery, collecting: object, delivering: object, ready: object) -> None:
    made = found("up", delivery=state, remoteWrite=DELIVERED)

    assert (made["Collecting"], made["Delivering"], made["Ready"]) == (
        collecting,
        delivering,
        ready,
    )


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        pytest.param({"remoteWrite": {**DELIVERED, "enabled": False}}, "NotRequested", id="off"),
        pytest.param(
            {"remoteWrite": DELIVERED, "boundary": "down"}, "NothingPermitted", id="nothing left"
        ),
        pytest.param(
            {
                "remoteWrite": {
                    "enabled": True,
                    "target": {
                        "type": "prometheus",
                        "prometheus": {"serviceName": "p", "targetNamespace": "other"},
                    },
                }
            },
            "Refused",
            id="the platform says no",
        ),
    ],
)
def test_why_there_is_no_delivery(spec: dict[str, Any], reason: str) -> None:
    made = found("up", **spec)

    assert made["Collecting"] == made["Delivering"] == ("False", reason)
    assert (made["Ready"][0] == "True") is (reason == "NotRequested")


def test_the_time_of_a_condition_is_that_of_its_last_change() -> None:
    before = [
        {"type": "Valid", "status": "True", "lastTransitionTime": "then"},
        {"type": "Ready", "status": "False", "lastTransitionTime": "then"},
    ]
    now = [Condition("Ready", "True", "Ready", ""), Condition("Valid", "True", "Other", "m")]

    assert conditions.with_times(now, before, 3, "now") == [
        {
            "type": "Ready",
            "status": "True",
            "observedGeneration": 3,
            "lastTransitionTime": "now",
            "reason": "Ready",
            "message": "",
        },
        {
            "type": "Valid",
            "status": "True",
            "observedGeneration": 3,
            "lastTransitionTime": "then",
            "reason": "Other",
            "message": "m",
        },
    ]
