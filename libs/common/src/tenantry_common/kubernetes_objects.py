"""Objects of the Kubernetes API as dictionaries, and what all of them have in common; pure."""

from collections.abc import Iterable, Mapping
from typing import Any

type Object = dict[str, Any]
"""An object of the API as it was sent, without `metadata.managedFields`."""


def without_managed_fields(found: Object) -> Object:
    """Drop `metadata.managedFields`, often larger than the rest; changes `found` and returns it."""
    metadata = found.get("metadata")
    if isinstance(metadata, dict):
        metadata.pop("managedFields", None)
    return found


def selector(labels: Mapping[str, str] | Iterable[tuple[str, str]]) -> str:
    """Return equality conditions as the API's `labelSelector` and `fieldSelector` want them."""
    return ",".join(f"{name}={value}" for name, value in dict(labels).items())
