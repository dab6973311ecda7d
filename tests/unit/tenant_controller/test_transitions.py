"""Events tell of what changed, once."""

from typing import Any

import pytest

from tenant_controller import transitions


def status(**conditions: tuple[str, str, str]) -> dict[str, Any]:
    return {
        "conditions": [
            {"type": name, "status": state, "reason": reason, "message": message}
            for name, (state, reason, message) in conditions.items()
        ]
    }


VALID = status(Valid=("True", "Valid", ""))
INVALID = status(Valid=("False", "Invalid", "$.x: wrong"))
DELIVERING = status(Delivering=("True", "Delivering", ""))


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        pytest.param({}, VALID, [("Normal", "Accepted", "Accepted")], id="a new object"),
        pytest.param(VALID, VALID, [], id="nothing new"),
        pytest.param({}, INVALID, [("Warning", "Invalid", "$.x: wrong")], id="a new invalid one"),
        pytest.param(INVALID, INVALID, [], id="as invalid as before"),
        pytest.param(
            INVALID,
            status(Valid=("False", "Invalid", "$.y: wrong")),
            [("Warning", "Invalid", "$.y: wrong")],
            id="invalid in another way",
        ),
        pytest.param(INVALID, VALID, [("Normal", "Accepted", "Accepted")], id="corrected"),
        pytest.param(
            VALID,
            status(Valid=("True", "ValidWithWarnings", "odd")),
            [],
            id="a warning is no transition",
        ),
        pytest.param(
            {},
            status(Collecting=("Unknown", "Waiting", "")),
            [],
            id="what is not known yet",
        ),
        pytest.param(
            {}, status(Collecting=("False", "NotRequested", "")), [], id="what is not asked for"
        ),
        pytest.param(
            DELIVERING,
            status(Delivering=("False", "Failing", "p-0: 401")),
            [("Warning", "DeliveryFailed", "p-0: 401")],
            id="delivery fails",
        ),
        pytest.param(
            DELIVERING,
            status(Delivering=("False", "NotRequested", "off")),
            [("Normal", "DeliveringEnded", "off")],
            id="delivery was switched off",
        ),
        pytest.param(
            {},
            status(BoundaryApplied=("True", "Narrowed", "cut")),
            [("Warning", "BoundaryApplied", "cut")],
            id="a boundary cuts",
        ),
        pytest.param(
            {}, status(Ready=("True", "Ready", "")), [], id="Ready follows from the others"
        ),
    ],
)
def test_transitions(
    before: dict[str, Any], now: dict[str, Any], told: list[tuple[str, str, str]]
) -> None:
    assert list(transitions.events(before, now)) == told


def test_an_event_is_about_the_object() -> None:
    item = {"metadata": {"name": "a", "namespace": "n", "uid": "u", "resourceVersion": "5"}}
    note = "é" * 600

    made = transitions.event(
        item, ("Warning", "Invalid", note), instance="i" * 200, at="T", name="a.1"
    )

    assert made["metadata"] == {"name": "a.1", "namespace": "n"}
    assert made["regarding"] == {
        "apiVersion": "observability.ethos.io/v1alpha1",
        "kind": "MetricAccess",
        "namespace": "n",
        "name": "a",
        "uid": "u",
        "resourceVersion": "5",
    }
    assert len(made["note"].encode()) <= 1024
    assert len(made["reportingInstance"]) <= 128
    for needed in ("eventTime", "type", "reason", "action", "reportingController"):
        assert made[needed]


@pytest.mark.parametrize("name", ["a", "a" * 253, "a" * 199 + ".b"])
def test_the_name_of_an_event_is_one(name: str) -> None:
    made = transitions.name(name, 255)

    assert len(made) <= 253
    assert made.endswith("a.ff")
