"""The status keeps the fields that adobe's proxy has, under their names."""

import msgspec

from tenant_controller import status_fields


def test_adobes_fields_are_there() -> None:
    assert {"conditions", "lastUpdated", "validatedMetrics", "remoteWrite"} <= names(
        status_fields.Status
    )
    assert {"active", "lastCollection", "metricsCollected", "lastError"} <= names(
        status_fields.RemoteWrite
    )


def test_a_condition_is_kubernetes() -> None:
    assert names(status_fields.Condition) == {
        *("type", "status", "reason", "message", "lastTransitionTime", "observedGeneration")
    }


def names(struct: type[msgspec.Struct]) -> set[str]:
    return {field.encode_name for field in msgspec.structs.fields(struct)}
