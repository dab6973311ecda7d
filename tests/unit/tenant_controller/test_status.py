"""The status says what the custom resource declares, and moves only with the truth."""

from typing import Any

import jsonschema  # type: ignore[import-untyped]  # ships no types
import msgspec
import pytest
from tests.unit.tenant_controller.compiling import DELIVERED, compiled

from tenant_controller import crd, status, status_fields
from tenant_controller.status import Seen
from tenantry_common.contracts import Progress, Report

NOW = 1_893_456_000_000  # 2030-01-01T00:00:00Z
SCHEMA = crd.definition()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"][
    "status"
]


def reports(end_ms: int = NOW - 40_000, *, error: str = "") -> tuple[Report, ...]:
    collected = Progress(shard="s", series=7, window_end_ms=end_ms + 10_000)
    delivered = Progress(
        shard="s", endpoint="p", window_end_ms=end_ms, pending=1, rejected=2, last_error=error
    )
    return tuple(
        msgspec.convert(
            {"tenant": "t", "job": "j", "component": component, "instance": "i", "at_ms": NOW}
            | {"progress": (progress,)},
            Report,
        )
        for component, progress in (("collector", collected), ("writer", delivered))
    )


def made(
    *metrics: str, before: dict[str, Any] | None = None, said: tuple[Report, ...] = (), **spec: Any
) -> dict[str, Any]:
    seen = Seen(compiled=compiled(*metrics, **spec), generation=3, published=True, reports=said)
    found = status.of(seen, before or {}, NOW)
    jsonschema.validate(found, SCHEMA)
    msgspec.convert(found, status_fields.Status)  # which knows no other fields
    return found


def test_of_an_object_for_queries() -> None:
    found = made("up", 'down{job="x"}')

    assert found.pop("conditions")[0]["lastTransitionTime"] == "2030-01-01T00:00:00Z"
    assert found == {
        "observedGeneration": 3,
        "rules": 2,
        "validatedMetrics": ["up", 'down{job="x"}'],
        "remoteWrite": {"active": False},
    }


def test_of_an_invalid_object() -> None:
    found = made("up", "up{")

    assert (found["rules"], found["validatedMetrics"]) == (0, [])


def test_of_a_delivery() -> None:
    found = made("up", remoteWrite=DELIVERED, said=reports(error="401"))

    assert found["remoteWrite"] == {
        "active": True,
        "metricsCollected": 7,
        "lastCollection": "2029-12-31T23:59:30Z",
        "lagSeconds": 40,
        "lastError": "401",
        "replicas": [
            {
                "endpoint": "p",
                "pending": 1,
                "rejected": 2,
                "lastDelivery": "2029-12-31T23:59:20Z",
                "lagSeconds": 40,
                "lastError": "401",
            }
        ],
    }


def test_of_a_delivery_that_has_not_begun() -> None:
    found = made("up", remoteWrite=DELIVERED)

    assert found["remoteWrite"] == {
        "active": False,
        "metricsCollected": 0,
        "replicas": [{"endpoint": "p", "pending": 0, "rejected": 0}],
    }


def test_it_does_not_outgrow_the_object() -> None:
    patterns = [f"m{number}_{'x' * 1000}" for number in range(2000)]
    found = made(*patterns)

    assert found["validatedMetrics"] == patterns[: len(found["validatedMetrics"])]
    assert 0 < len(found["validatedMetrics"]) < 100


def test_the_same_state_gives_the_same_status() -> None:
    first = made("up", remoteWrite=DELIVERED, said=reports())

    assert made("up", remoteWrite=DELIVERED, said=reports(), before=first) == first


@pytest.mark.parametrize(
    ("said", "news"),
    [
        pytest.param(reports(), False, id="nothing new"),
        pytest.param(reports(NOW - 10_000), False, id="only further"),
        pytest.param(reports(error="401"), True, id="an error"),
        pytest.param((), True, id="nobody reports any more"),
    ],
)
def test_what_is_news(said: tuple[Report, ...], news: bool) -> None:
    before = made("up", remoteWrite=DELIVERED, said=reports())

    assert (
        status.is_news(before, made("up", remoteWrite=DELIVERED, said=said, before=before)) is news
    )


def test_the_first_collection_is_news() -> None:
    before = made("up", remoteWrite=DELIVERED)
    now = {**before, "remoteWrite": {**before["remoteWrite"], "lastCollection": "x"}}

    assert status.is_news(before, now)
