"""The JSON merge patch (RFC 7386) that makes one object of another; pure."""

from collections.abc import Mapping
from typing import Any


def between(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """Return the patch; empty when nothing differs. `now` must not hold nulls."""
    patch: dict[str, Any] = {name: None for name in before if name not in now}
    for name, value in now.items():
        known = before.get(name)
        if isinstance(value, Mapping) and isinstance(known, Mapping):
            inner = between(known, value)
            if inner:
                patch[name] = inner
        elif name not in before or known != value:
            patch[name] = value
    return patch
