"""Run servers in containers instead of as child processes, for machines without the executables.

Needs testcontainers and a Docker daemon on Linux: a container shares the host's network and the
server's folder, so that configuration, ports and addresses are those of the child process.
"""

import asyncio
import os

from docker.errors import DockerException  # type: ignore[import-untyped]  # has no annotations
from docker.models.containers import (  # type: ignore[import-untyped]  # nor here
    Container as DockersContainer,
)
from testcontainers.core.container import DockerContainer

from tenantry_local.errors import StartFailed
from tenantry_local.process import READY_WITHIN
from tenantry_local.server import Child, Command

_PROBE_EVERY = 0.1
_SHOWN_LINES = 15


class Container:
    """A server in a container; the reaper of testcontainers removes it when this process ends.

    Calls of the Docker client block. Those that may take long run in a thread; the others take a
    few milliseconds, which is fair in tests.
    """

    def __init__(self, command: Command) -> None:
        self.name = command.name
        self._command = command
        self._container: DockersContainer | None = None

    @property
    def running(self) -> bool:
        """Whether the container exists and its process has not ended (a paused one runs)."""
        if self._container is None:
            return False
        self._container.reload()
        return self._container.status in ("running", "paused")

    async def start(self) -> None:
        """Create the container, or start it again, and return when the server serves."""
        try:
            if self._container is None:
                self._container = await asyncio.to_thread(self._create)
            else:
                await asyncio.to_thread(self._container.start)
            async with asyncio.timeout(READY_WITHIN):
                while self.running:
                    if await self._command.ready():
                        return
                    await asyncio.sleep(_PROBE_EVERY)
        except DockerException as error:
            raise StartFailed(f"{self.name}: Docker says: {error}") from error
        except TimeoutError:
            pass
        lines = self._created().logs(tail=_SHOWN_LINES).decode(errors="replace")
        raise StartFailed(f"{self.name} did not get ready in its container\n{lines}")

    async def wait(self) -> int:
        """Return the exit status once the container's process has ended."""
        answer = await asyncio.to_thread(self._created().wait)
        return int(answer["StatusCode"])

    async def terminate(self) -> int:
        """Stop the container in good order."""
        await asyncio.to_thread(self._created().stop)
        return await self.wait()

    async def kill(self) -> int:
        """End the container's process as a crash would."""
        if self.running:
            await asyncio.to_thread(self._created().kill)
        return await self.wait()

    def pause(self) -> None:
        """Freeze the container."""
        self._created().pause()

    def resume(self) -> None:
        """Let a paused container go on."""
        self._created().unpause()

    def _create(self) -> DockersContainer:
        folder = str(self._command.directory)
        described = (
            DockerContainer(self._command.binary.image)
            .with_command(list(self._command.arguments))
            .with_volume_mapping(folder, folder, "rw")
            .with_kwargs(network_mode="host", user=f"{os.getuid()}:{os.getgid()}")
        )
        return described.start().get_wrapped_container()

    def _created(self) -> DockersContainer:
        if self._container is None:
            raise StartFailed(f"{self.name} was never started")
        return self._container


def launch(command: Command) -> Child:
    """Run the command in a container."""
    return Container(command)
