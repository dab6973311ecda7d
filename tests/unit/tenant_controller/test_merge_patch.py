"""A patch makes one object of another, and says nothing of what is equal."""

from typing import Any

import pytest

from tenant_controller import merge_patch


def applied(target: Any, patch: Any) -> Any:
    """RFC 7386, section 2."""
    if not isinstance(patch, dict):
        return patch
    made = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            made.pop(name, None)
        else:
            made[name] = applied(made.get(name), value)
    return made


@pytest.mark.parametrize(
    ("before", "now", "patch"),
    [
        pytest.param({"a": 1}, {"a": 1}, {}, id="nothing"),
        pytest.param({}, {"a": {"b": 1}}, {"a": {"b": 1}}, id="something new"),
        pytest.param({"a": 1, "b": 2}, {"a": 1}, {"b": None}, id="something gone"),
        pytest.param({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}, {"a": {"c": None}}, id="inside"),
        pytest.param({"a": [1, 2]}, {"a": [1]}, {"a": [1]}, id="lists are replaced"),
        pytest.param({"a": {"b": 1}}, {"a": 1}, {"a": 1}, id="another type"),
        pytest.param({"a": 0}, {"a": ""}, {"a": ""}, id="an empty value is one"),
    ],
)
def test_the_patch_makes_one_of_the_other(before: Any, now: Any, patch: Any) -> None:
    assert merge_patch.between(before, now) == patch
    assert applied(before, patch) == now
