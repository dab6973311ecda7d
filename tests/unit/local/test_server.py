"""A server writes its configuration, then is started, each time."""

from pathlib import Path

import pytest

from tenantry_local import binaries, readiness
from tenantry_local.errors import MissingBinary
from tenantry_local.process import Process
from tenantry_local.server import Child, Command, Server, native


class FakeChild:
    """A child that remembers what was asked of it."""

    name = "server"
    running = False

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def start(self) -> None:
        self.asked.append("start")

    async def wait(self) -> int:
        self.asked.append("wait")
        return 0

    async def terminate(self) -> int:
        self.asked.append("terminate")
        return 0

    async def kill(self) -> int:
        self.asked.append("kill")
        return -9

    def pause(self) -> None:
        self.asked.append("pause")

    def resume(self) -> None:
        self.asked.append("resume")


class ConfiguredServer(Server):
    """A server that notes when its configuration is written."""

    def __init__(self, command: Command, child: FakeChild) -> None:
        def launch(_: Command) -> Child:
            return child

        super().__init__(command, launch)
        self.fake = child

    def write_config(self) -> None:
        assert self.directory.is_dir()
        self.fake.asked.append("write_config")


def command(directory: Path) -> Command:
    return Command(
        name="server",
        binary=binaries.PROMETHEUS,
        arguments=("--flag",),
        directory=directory,
        log=directory / "server.log",
        ports=(),
        ready=readiness.immediately,
    )


async def test_the_configuration_is_written_before_each_start(tmp_path: Path) -> None:
    server = ConfiguredServer(command(tmp_path / "new"), FakeChild())

    await server.start()
    await server.restart()

    assert server.fake.asked == ["write_config", "start", "terminate", "write_config", "start"]


async def test_everything_else_is_asked_of_the_child(tmp_path: Path) -> None:
    server = ConfiguredServer(command(tmp_path), FakeChild())

    server.pause()
    server.resume()

    assert (await server.terminate(), await server.kill(), await server.wait()) == (0, -9, 0)
    assert server.fake.asked == ["pause", "resume", "terminate", "kill", "wait"]
    assert not server.running


def test_natively_a_server_is_a_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROMETHEUS_BIN", "/bin/sh")

    child = native(command(tmp_path))

    assert isinstance(child, Process)
    assert child.argv == ("/bin/sh", "--flag")


def test_a_missing_executable_is_noticed_before_anything_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROMETHEUS_BIN", "/no/such/file")

    with pytest.raises(MissingBinary):
        native(command(tmp_path))
