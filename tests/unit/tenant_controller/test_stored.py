"""Objects of the API server are validated when they mean something new, and only then."""

from typing import Any

import pytest

from tenant_controller import stored
from tenant_controller.stored import Reader
from tenantry_common.kubernetes_store import Change


def item(metric: str = "up", *, generation: int = 1, uid: str = "u", **more: Any) -> dict[str, Any]:
    return {
        "apiVersion": "observability.ethos.io/v1alpha1",
        "kind": "MetricAccess",
        "metadata": {
            "name": "a",
            "namespace": "team-a",
            "uid": uid,
            "generation": generation,
            "resourceVersion": "7",
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": {"source": "s", "metrics": [metric]},
        **more,
    }


def test_objects_become_entries_with_their_place() -> None:
    (entry,) = Reader().read([item("up{")]).entries

    assert entry.validated.full_name == "team-a/a"
    assert [str(finding).partition(": not a")[0] for finding in entry.findings] == [
        "kubernetes: error: team-a/a: $.spec.metrics[0]"
    ]
    assert (entry.located.file, entry.located.line) == ("kubernetes", 0)


@pytest.mark.parametrize(
    ("newer", "same"),
    [
        pytest.param(item(), True, id="an equal object"),
        pytest.param(item(status={"rules": 1}), True, id="a new status"),
        pytest.param(item(generation=2), False, id="a new generation"),
        pytest.param(item("down"), False, id="another spec"),
        pytest.param(item(uid="other"), False, id="another object of the same name"),
    ],
)
def test_what_means_the_same_is_not_validated_again(newer: dict[str, Any], same: bool) -> None:
    reader = Reader()
    (first,) = reader.read([item()]).entries
    (second,) = reader.read([newer]).entries

    assert (second is first) is same
    assert stored.is_meant(Change("changed", ("team-a", "a"), item(), newer)) is not same


def test_what_comes_and_goes_is_meant() -> None:
    key = ("team-a", "a")

    assert stored.is_meant(Change("added", key, None, item()))
    assert stored.is_meant(Change("removed", key, item(), None))
