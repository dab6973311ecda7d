"""What the API server says in lists and in the lines of a watch, taken apart and checked; pure.

Whatever is not certainly a complete list or an event is an error: it must not be taken for emptiness.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from tenantry_common.kubernetes import Failed, Object, failure


def read_list(page: Mapping[str, Any]) -> tuple[list[Object], str, str]:
    """Return the items, the version and the token of the next page. Raises `Failed`: no list."""
    items, metadata = page.get("items"), page.get("metadata")
    kind = page.get("kind", "List")
    if page.get("kind") == "Status":
        raise failure(page)
    if not isinstance(metadata, dict) or not str(kind).endswith("List") or "items" not in page:
        raise Failed(0, "NoList", f"the answer is a {kind}, not a list")
    version = metadata.get("resourceVersion")
    if not isinstance(version, str) or not version or not isinstance(items, list | None):
        raise Failed(0, "NoList", "the answer is not a complete list")
    found = items or []
    if not all(_is_object(item) for item in found):
        raise Failed(0, "NoList", "an item of the list is not an object")
    more = metadata.get("continue") or ""
    return found, version, str(more)


def read_event(line: bytes) -> tuple[str, Object]:
    """Return kind and object of an event. Raises `Failed`: it is none."""
    try:
        event = msgspec.json.decode(line)
    except msgspec.DecodeError as error:
        raise Failed(0, "NoEvent", "a line of the watch is not JSON") from error
    kind = event.get("type") if isinstance(event, dict) else None
    item = event.get("object") if isinstance(event, dict) else None
    if kind in ("ERROR", "BOOKMARK") and isinstance(item, dict):
        if kind == "BOOKMARK" and not isinstance(item.get("metadata"), dict):
            raise Failed(0, "NoEvent", "a bookmark without metadata")
        return kind, item
    if kind in ("ADDED", "MODIFIED", "DELETED") and isinstance(item, dict) and _is_object(item):
        return kind, item
    raise Failed(0, "NoEvent", "a line of the watch is not an event")


def _is_object(item: object) -> bool:
    metadata = item.get("metadata") if isinstance(item, dict) else None
    return isinstance(metadata, dict) and isinstance(metadata.get("name"), str)
