"""What all servers have in common: a child process that is described before it is started."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tenantry_local import binaries, readiness
from tenantry_local.process import Process


class Child(Protocol):
    """Something that is started, watched and stopped under a name: a process or a container."""

    @property
    def name(self) -> str: ...
    @property
    def running(self) -> bool: ...
    async def start(self) -> None: ...
    async def wait(self) -> int: ...
    async def terminate(self) -> int: ...
    async def kill(self) -> int: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Command:
    """A server's command line, and what is needed to run it here or in a container."""

    name: str
    binary: binaries.Binary
    arguments: tuple[str, ...]
    directory: Path
    """The only folder that the server reads and writes."""
    log: Path
    ports: tuple[int, ...]
    ready: readiness.Probe


type Launch = Callable[[Command], Child]


def native(command: Command) -> Child:
    """Run the command as a child process, from an executable on this machine."""
    return Process(
        command.name,
        [binaries.find(command.binary), *command.arguments],
        log=command.log,
        ports=command.ports,
        ready=command.ready,
    )


class Server:
    """A child whose configuration is written anew before each start. Subclasses are the servers."""

    def __init__(self, command: Command, launch: Launch) -> None:
        self.name = command.name
        self.directory = command.directory
        self.child = launch(command)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.child!r}>"

    def write_config(self) -> None:
        """Write the configuration file, where the server has one."""

    @property
    def running(self) -> bool:
        """Whether the server's process exists."""
        return self.child.running

    async def start(self) -> None:
        """Start the server and return when it serves; its data survives restarts."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self.write_config()
        await self.child.start()

    async def restart(self) -> None:
        """Stop the server in good order and start it on the same port and data."""
        await self.child.terminate()
        await self.start()

    async def wait(self) -> int:
        """Return the exit status once the server has ended."""
        return await self.child.wait()

    async def terminate(self) -> int:
        """Stop the server in good order."""
        return await self.child.terminate()

    async def kill(self) -> int:
        """End the server as a crash would."""
        return await self.child.kill()

    def pause(self) -> None:
        """Freeze the server: connections stay open and nobody answers."""
        self.child.pause()

    def resume(self) -> None:
        """Let a paused server go on."""
        self.child.resume()
