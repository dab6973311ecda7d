"""Every field that people can write or read is described, and nothing else is."""

import msgspec
import pytest

from tenant_controller import crd_notes


@pytest.mark.parametrize("struct", crd_notes.OF_FIELDS, ids=lambda struct: struct.__qualname__)
def test_every_field_is_described(struct: type[msgspec.Struct]) -> None:
    notes = crd_notes.OF_FIELDS[struct]

    assert set(notes) == {field.encode_name for field in msgspec.structs.fields(struct)}
    assert [name for name, note in notes.items() if not note["description"].endswith(".")] == []
