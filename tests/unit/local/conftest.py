"""Stand-ins for what tests of this member must not use for real: servers and other programs."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tenantry_local.process import Process
from tenantry_local.server import Child, Command, Launch

type AddProgram = Callable[[str, str], None]


@pytest.fixture
def add_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AddProgram:
    """Add a shell script to PATH, which otherwise holds only what every machine has.

    Each script first appends its name and arguments to the file `calls`.
    """
    folder = tmp_path / "programs"
    folder.mkdir()
    calls = tmp_path / "calls"
    calls.touch()
    for name in ("sh", "cat", "cp", "mkdir", "touch"):
        target = next(p for d in ("/bin", "/usr/bin") if (p := Path(d, name)).exists())
        (folder / name).symlink_to(target)
    monkeypatch.setenv("PATH", str(folder))

    def add(name: str, script: str) -> None:
        program = folder / name
        program.write_text(f'#!/bin/sh\necho "{name} $*" >>{calls}\n{script}\n')
        program.chmod(0o755)

    return add


@pytest.fixture
def calls(tmp_path: Path) -> Callable[[], list[str]]:
    """Return the command lines with which the added programs were called."""
    return lambda: (tmp_path / "calls").read_text().splitlines()


@pytest.fixture
def commands() -> list[Command]:
    """The commands that were given to `launch`."""
    return []


@pytest.fixture
def launch(commands: list[Command]) -> Launch:
    """Launch nothing, and note what should have been launched."""

    def note(command: Command) -> Child:
        commands.append(command)
        return Process(command.name, command.arguments, log=command.log)

    return note
