"""What a Docker daemon is asked when servers run in containers."""

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from testcontainers.core.config import testcontainers_config

from tenantry_local import binaries, containers
from tenantry_local.errors import StartFailed
from tenantry_local.ports import LOOPBACK, free_port
from tenantry_local.server import Command


class FakeDaemon(BaseHTTPRequestHandler):
    """A Docker daemon with one container, whose process obeys at once."""

    status: ClassVar[str] = "created"
    created: ClassVar[dict[str, Any]] = {}
    next_status: ClassVar[dict[str, str]] = {
        "start": "running",
        "pause": "paused",
        "unpause": "running",
        "kill": "exited",
        "stop": "exited",
    }

    def do_GET(self) -> None:
        if self.path.endswith("/version"):
            self._answer({"ApiVersion": "1.45"})
        elif "/logs" in self.path:
            self._answer(b"bad config")
        elif "/images/" in self.path:
            self._answer({"Id": "sha256:1"})
        else:
            self._answer({"Id": "0abc", "State": {"Status": self.status}, "Config": {"Tty": True}})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        action = self.path.partition("?")[0].rpartition("/")[2]
        if action == "create":
            FakeDaemon.created = json.loads(body)
            self._answer({"Id": "0abc"})
        elif action == "wait":
            self._answer({"StatusCode": 137})
        else:
            FakeDaemon.status = self.next_status[action]
            self._answer({})

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet."""

    def _answer(self, answer: bytes | dict[str, Any]) -> None:
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[FakeDaemon]]:
    """A daemon that the Docker client finds."""
    FakeDaemon.status, FakeDaemon.created = "created", {}
    monkeypatch.setattr(testcontainers_config, "ryuk_disabled", True)
    with ThreadingHTTPServer((LOOPBACK, 0), FakeDaemon) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("DOCKER_HOST", f"tcp://{LOOPBACK}:{server.server_port}")
        yield FakeDaemon
        server.shutdown()
        thread.join()


def command(directory: Path, *, ready: bool = True) -> Command:
    async def probe() -> bool:
        return ready

    return Command(
        name="nats",
        binary=binaries.NATS_SERVER,
        arguments=("--config", str(directory / "nats.json")),
        directory=directory,
        log=directory / "nats.log",
        ports=(),
        ready=probe,
    )


async def test_a_container_has_the_command_line_folder_and_network_of_the_process(
    daemon: type[FakeDaemon], tmp_path: Path
) -> None:
    await containers.launch(command(tmp_path)).start()

    asked = daemon.created
    assert asked["Image"] == binaries.NATS_SERVER.image
    assert asked["Cmd"] == ["--config", f"{tmp_path}/nats.json"]
    assert asked["User"] == f"{os.getuid()}:{os.getgid()}"
    assert asked["HostConfig"]["NetworkMode"] == "host"
    assert asked["HostConfig"]["Binds"] == [f"{tmp_path}:{tmp_path}:rw"]


async def test_a_container_lives_like_a_process(daemon: type[FakeDaemon], tmp_path: Path) -> None:
    container = containers.launch(command(tmp_path))
    lived = [container.running]
    await container.start()
    for change in (container.pause, container.resume):
        lived.append(container.running)
        change()

    assert await container.kill() == 137
    lived.append(container.running)
    await container.start()
    lived.append(container.running)
    assert await container.terminate() == 137

    assert lived == [False, True, True, False, True]


async def test_a_container_that_ends_before_it_is_ready_is_explained_by_its_log(
    daemon: type[FakeDaemon], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(daemon.next_status, "start", "exited")

    with pytest.raises(StartFailed, match=r"nats did not get ready in its container\nbad config"):
        await containers.launch(command(tmp_path)).start()


async def test_a_daemon_that_does_not_answer_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"tcp://{LOOPBACK}:{free_port()}")
    monkeypatch.setattr(testcontainers_config, "ryuk_disabled", True)

    with pytest.raises(StartFailed, match="nats: Docker says: "):
        await containers.launch(command(tmp_path)).start()


async def test_what_was_never_started_cannot_be_stopped(tmp_path: Path) -> None:
    with pytest.raises(StartFailed, match="was never started"):
        await containers.launch(command(tmp_path)).terminate()
