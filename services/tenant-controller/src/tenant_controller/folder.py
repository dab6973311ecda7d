"""The source "folder of manifests": the newest contents, and how it is doing.

A folder that cannot be listed (an unmounted volume) is not an empty one: what was read last stays.
A file that cannot be read is part of the contents, and grants nothing.
"""

import logging
from collections.abc import Callable
from pathlib import Path

from tenant_controller import catalogue, compile, config
from tenant_controller.compile import Desired
from tenant_controller.platform_settings import Platform
from tenantry_common import folder
from tenantry_common.contents import Contents, Unreadable

_log = logging.getLogger(__name__)

_SUFFIXES = (".yaml", ".yml")


class Folder:
    """One folder, followed for as long as the service runs. `on_change` is called after each change."""

    name = "manifests"

    def __init__(self, settings: config.Folder, on_change: Callable[[], None]) -> None:
        self._settings = settings
        self._on_change = on_change
        self.contents: Contents | None = None
        """Path → text, as last read; None until the folder could be listed once."""
        self.problem = ""
        """Why the folder cannot be listed now; empty when it can."""

    def look(self) -> Callable[[Platform], Desired] | None:
        """Return how to compile what was read last, None until the folder could be listed once."""
        contents = self.contents
        if contents is None:
            return None
        return lambda platform: compile.everything(catalogue.read(contents), platform)

    async def run(self) -> None:
        """Follow the folder, for ever."""
        path = Path(self._settings.path)
        await folder.follow(path, _SUFFIXES, self._settings.reread_seconds, self._update)

    def _update(self, found: Contents | Unreadable) -> None:
        if isinstance(found, Unreadable):
            self.problem = f"{self._settings.path}: {found.reason}"
            _log.error(
                "manifests cannot be listed, keeping the last", extra={"error": self.problem}
            )
        else:
            self.problem = ""
            self.contents = found
        self._on_change()
