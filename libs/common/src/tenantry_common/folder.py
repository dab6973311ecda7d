"""A folder of text files that is read again whenever it changes.

The system's change events make it quick; the periodic re-read makes it certain (network file
systems announce nothing, and a folder may be replaced as a whole). What counts is the content: a
touched file is no change.
"""

import asyncio
import logging
from collections.abc import Callable, Collection
from pathlib import Path

import watchfiles

from tenantry_common import tasks
from tenantry_common.contents import Contents, Unreadable

_log = logging.getLogger(__name__)

_MAX_BYTES = 8 << 20
_DEBOUNCE_MS = 100  # an editor's several steps of saving are one change
_STEP_MS = 20


def read(folder: Path, suffixes: Collection[str]) -> Contents | Unreadable:
    """Read the files directly in `folder` whose names end in one of `suffixes`, in their order.

    Hidden files are left out: editors keep unfinished copies there.
    """
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        return Unreadable(error.strerror or str(error))
    return {
        str(path): _text(path)
        for path in paths
        if path.suffix in suffixes and not path.name.startswith(".") and not path.is_dir()
    }


def _text(path: Path) -> str | Unreadable:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            return Unreadable(f"larger than {_MAX_BYTES} bytes")
        return data.decode()
    except OSError as error:
        return Unreadable(error.strerror or str(error))
    except UnicodeDecodeError as error:
        return Unreadable(f"not UTF-8: {error.reason} at byte {error.start}")


async def follow(
    folder: Path,
    suffixes: Collection[str],
    reread_seconds: float,
    on_change: Callable[[Contents | Unreadable], None],
) -> None:
    """Call `on_change` with what `folder` holds: at once, and whenever that changes. Never returns."""
    changed = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        tasks.spawn(group, f"watch {folder}", watch(folder, reread_seconds, changed.set))
        await asyncio.sleep(0)  # the watch begins before the first read, so nothing falls between
        known: Contents | Unreadable | None = None
        while True:
            changed.clear()
            found = await asyncio.to_thread(read, folder, suffixes)
            if found != known:
                known = found
                on_change(found)
            await changed.wait()


async def watch(folder: Path, reread_seconds: float, tick: Callable[[], None]) -> None:
    """Call `tick` when the system announces a change, and at least every `reread_seconds`, for ever."""
    while True:
        try:
            async for _ in watchfiles.awatch(
                folder,
                watch_filter=None,
                recursive=False,
                debounce=_DEBOUNCE_MS,
                step=_STEP_MS,
                rust_timeout=max(1, int(reread_seconds * 1000)),
                yield_on_timeout=True,
            ):
                tick()
        except OSError as error:  # the folder does not exist, or may not be watched
            _log.debug("folder not watched", extra={"folder": str(folder), "error": str(error)})
            await asyncio.sleep(reread_seconds)
            tick()
