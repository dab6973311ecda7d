"""The source "folders of file_sd files": followed, and what changed is said once."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from discovery import config, file_sd, files
from discovery.files import Files
from discovery.target import Target
from tenantry_common import folder, tasks
from tenantry_common.contents import Contents, Unreadable

_log = logging.getLogger(__name__)


class Folders:
    """All configured folders, followed for as long as the service runs."""

    def __init__(self, settings: config.FileSd, on_change: Callable[[], None]) -> None:
        self._settings = settings
        self._on_change = on_change
        self._by_folder: dict[str, Files] = {}

    @property
    def read_once(self) -> bool:
        """Whether every folder has been looked at, found or not."""
        return len(self._by_folder) == len(set(self._settings.folders))

    @property
    def files(self) -> Files:
        """Every file of every folder, in the order of the configuration."""
        return {
            name: file
            for path in self._settings.folders
            for name, file in self._by_folder.get(path, {}).items()
        }

    @property
    def targets(self) -> tuple[Target, ...]:
        """The targets of every file, in the order of the files."""
        found = (target for file in self.files.values() for target in file.targets or ())
        return tuple(replace(one, access=one.access or self._settings.access) for one in found)

    @property
    def unreadable(self) -> tuple[str, ...]:
        """What is wrong with the folders that cannot be listed."""
        return tuple(
            self._by_folder[path][path].problem
            for path in self._by_folder
            if path in self._by_folder[path]
        )

    @property
    def complete(self) -> bool:
        """Whether there is no file of which this process never saw the targets."""
        return all(file.targets is not None for file in self.files.values())

    async def run(self) -> None:
        """Follow the folders, for ever."""
        async with asyncio.TaskGroup() as group:
            for path in dict.fromkeys(self._settings.folders):
                tasks.spawn(group, f"folder {path}", self._follow(path))

    async def _follow(self, path: str) -> None:
        await folder.follow(
            Path(path),
            file_sd.SUFFIXES,
            self._settings.reread_seconds,
            lambda contents: self._update(path, contents),
        )

    def _update(self, path: str, contents: Contents | Unreadable) -> None:
        before = self._by_folder.get(path, {})
        now = files.read(before, path, contents)
        for name, file in now.items():
            if file.problem and (name not in before or before[name].problem != file.problem):
                _log.error(
                    "targets not read, keeping the last that were",
                    extra={"file": name, "error": file.problem, "kept": len(file.targets or ())},
                )
        self._by_folder[path] = now
        self._on_change()
