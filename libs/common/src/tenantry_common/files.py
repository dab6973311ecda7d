"""A few files that are read again whenever one of them changes: certificates, keys, lists of keys.

As in `folder`, the system's change events make it quick and the periodic re-read makes it certain.
The folders are watched, not the files: an editor and Kubernetes replace a file by another.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from tenantry_common import folder, tasks
from tenantry_common.contents import Unreadable

_MAX_BYTES = 8 << 20

type Contents = Mapping[Path, bytes | Unreadable]


def read(paths: Iterable[Path]) -> Contents:
    """Return what each file holds, or why it cannot be read."""
    return {path: _bytes(path) for path in paths}


def _bytes(path: Path) -> bytes | Unreadable:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        return Unreadable(error.strerror or str(error))
    if len(data) > _MAX_BYTES:
        return Unreadable(f"larger than {_MAX_BYTES} bytes")
    return data


async def follow(
    paths: Iterable[Path], reread_seconds: float, on_change: Callable[[Contents], None]
) -> None:
    """Call `on_change` with what the files hold: at once, and whenever that changes. Never returns."""
    chosen = tuple(paths)
    changed = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for parent in sorted({path.parent for path in chosen}):
            tasks.spawn(group, f"watch {parent}", folder.watch(parent, reread_seconds, changed.set))
        await asyncio.sleep(0)  # the watches begin before the first read, so nothing falls between
        known: Contents | None = None
        while True:
            changed.clear()
            found = await asyncio.to_thread(read, chosen)
            if found != known:
                known = found
                on_change(found)
            await changed.wait()
