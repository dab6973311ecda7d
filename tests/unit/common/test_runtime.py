"""A service process: exit codes, signals, drain."""

import asyncio
import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from tenantry_common import config, errors, runtime


class Settings(config.Service, frozen=True, kw_only=True):
    pass


def exit_code(app: object, tmp_path: Path, text: str = "") -> object:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(SystemExit) as stopped:
        runtime.run("example", Settings, app, ["--config", str(path)])  # type: ignore[arg-type]
    return stopped.value.code


@pytest.fixture(autouse=True)
def _keep_logging() -> Iterator[None]:
    root = logging.getLogger()
    kept = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = kept[0], kept[1]


def test_sigterm_lets_the_service_drain_and_exits_0(tmp_path: Path) -> None:
    seen: list[str] = []

    async def app(settings: Settings, service: runtime.Runtime) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        await service.stopping.wait()
        seen.append("drained")

    assert (exit_code(app, tmp_path), seen) == (0, ["drained"])


def test_a_drain_that_takes_too_long_is_cut_off(tmp_path: Path) -> None:
    async def app(settings: Settings, service: runtime.Runtime) -> None:
        service.stopping.set()
        await asyncio.sleep(3600)

    assert exit_code(app, tmp_path, "shutdown_grace_seconds: 0.05") == 0


def test_a_failure_exits_1(tmp_path: Path) -> None:
    async def app(settings: Settings, service: runtime.Runtime) -> None:
        raise RuntimeError("broken")

    assert exit_code(app, tmp_path) == 1


def test_wrong_configuration_exits_2_with_its_path(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def app(settings: Settings, service: runtime.Runtime) -> None: ...

    assert exit_code(app, tmp_path, "ops: {port: x}") == 2
    assert "$.ops.port" in capsys.readouterr().err


def test_configuration_found_wrong_while_starting_exits_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def app(settings: Settings, service: runtime.Runtime) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(fail())

    async def fail() -> None:
        raise errors.ConfigError("$.listen.port: taken")

    assert exit_code(app, tmp_path) == 2
    assert "example: $.listen.port: taken\n" in capsys.readouterr().err


def test_a_stop_signal_ends_the_wait_for_nats(tmp_path: Path) -> None:
    async def app(settings: Settings, service: runtime.Runtime) -> None:
        asyncio.get_running_loop().call_later(0.1, service.stopping.set)
        async with service.connect():
            raise AssertionError("there is no nats")

    # Port 1 answers nobody; the grace period would outlast this test's time-out.
    assert exit_code(app, tmp_path, "nats: {servers: ['nats://127.0.0.1:1']}") == 0


def test_an_option_of_the_command_line_overrides_the_file(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("instance: written")
    seen: list[str] = []

    async def app(settings: Settings, service: runtime.Runtime) -> None:
        seen.append(settings.instance)

    for argv in ([], ["--instance", "given"]):
        with pytest.raises(SystemExit):
            runtime.run(
                "example",
                Settings,
                app,
                ["--config", str(path), *argv],
                options={"instance": "a name"},
            )

    assert seen == ["written", "given"]


def test_the_internal_port_may_be_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "ops.sock"
    seen: list[int] = []

    async def app(settings: Settings, service: runtime.Runtime) -> None:
        async with (
            aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as session,
            session.get("http://ops/healthz") as answer,
        ):
            seen.append(answer.status)

    assert (exit_code(app, tmp_path, f"ops: {{socket: {path}}}"), seen) == (0, [200])
    assert exit_code(app, tmp_path, f"ops: {{socket: {tmp_path}/nowhere/x}}") == 2
