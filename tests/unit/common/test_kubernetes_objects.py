"""What all objects have in common is the same everywhere."""

from tenantry_common import kubernetes_objects


def test_managed_fields_are_dropped() -> None:
    sent = {"metadata": {"name": "a", "managedFields": [1]}, "spec": {}}

    assert kubernetes_objects.without_managed_fields(sent) == {
        "metadata": {"name": "a"},
        "spec": {},
    }
    assert kubernetes_objects.without_managed_fields({"metadata": None}) == {"metadata": None}


def test_conditions_are_written_as_the_api_wants_them() -> None:
    assert kubernetes_objects.selector({"app": "x", "tier": "y"}) == "app=x,tier=y"
    assert kubernetes_objects.selector([("metadata.name", "a")]) == "metadata.name=a"
