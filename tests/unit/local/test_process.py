"""A child process is ready when it says so, and its end is certain and explained."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tenantry_local import readiness
from tenantry_local.errors import PortTaken, StartFailed
from tenantry_local.ports import LOOPBACK, free_port
from tenantry_local.process import Process

type Describe = Callable[..., Process]

DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up'); time.sleep(60)"


@pytest_asyncio.fixture
async def python(tmp_path: Path) -> AsyncIterator[Describe]:
    """Describe a child that runs some Python; it ends with the test."""
    children: list[Process] = []

    def describe(code: str, **arguments: Any) -> Process:
        argv = [sys.executable, "-uc", code]
        children.append(Process("child", argv, log=tmp_path / "child.log", **arguments))
        return children[-1]

    yield describe
    for child in children:
        if child.running:
            await child.kill()


def says(word: str, log: Path) -> readiness.Probe:
    """A probe that is satisfied when the log holds `word`."""

    def said() -> bool:
        return word in log.read_text()

    async def probe() -> bool:
        return said()

    return probe


async def never() -> bool:
    """A probe that is never satisfied."""
    return False


async def test_output_goes_to_the_log(python: Describe) -> None:
    child = python("import sys; print('out'); print('err', file=sys.stderr)")

    child.spawn()

    assert await child.wait() == 0
    assert child.log.read_text().split() == ["out", "err"]


async def test_the_environment_is_added_to_ours(python: Describe) -> None:
    child = python(
        "import os; print(os.environ['ADDED'], 'PATH' in os.environ)", env={"ADDED": "x"}
    )

    child.spawn()
    await child.wait()

    assert child.last_lines() == "x True"


async def test_start_returns_when_the_probe_says_ready(python: Describe, tmp_path: Path) -> None:
    code = "import time; time.sleep(0.1); print('up'); time.sleep(60)"
    child = python(code, ready=says("up", tmp_path / "child.log"))

    await child.start()

    assert child.last_lines() == "up"
    assert child.running


async def test_a_child_that_ends_before_it_is_ready_is_explained_by_its_last_lines(
    python: Describe,
) -> None:
    child = python("import sys; print('bad config: line 7'); sys.exit(3)", ready=never)

    with pytest.raises(StartFailed, match=r"child ended with status 3 .*\nbad config: line 7\n"):
        await child.start()


async def test_a_child_that_does_not_get_ready_is_ended(python: Describe) -> None:
    child = python("import time; time.sleep(60)", ready=never)

    with pytest.raises(StartFailed, match=r"child was not ready within 0\.1 s"):
        await child.start(timeout=0.1)
    assert not child.running


async def test_a_cancelled_start_leaves_nothing_behind(python: Describe) -> None:
    child = python("import time; time.sleep(60)", ready=never)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await child.start()
    assert not child.running


async def test_a_port_of_its_own_that_is_taken_is_named(python: Describe) -> None:
    with socket.create_server((LOOPBACK, free_port())) as server:
        port = server.getsockname()[1]
        child = python("", ports=(port,))

        with pytest.raises(PortTaken, match=f"another process listens on port {port}"):
            await child.start()


async def test_a_taken_port_is_recognised_in_what_the_child_writes(python: Describe) -> None:
    child = python("import sys; sys.exit('listen tcp: bind: address already in use')", ready=never)

    with pytest.raises(PortTaken, match="child: a port it needs is taken"):
        await child.start()


async def test_a_program_that_does_not_exist_is_explained(tmp_path: Path) -> None:
    child = Process("child", ["/no/such/program"], log=tmp_path / "log", ready=never)

    with pytest.raises(StartFailed, match="cannot run /no/such/program"):
        await child.start()


async def test_terminate_lets_the_child_end_in_good_order(python: Describe, tmp_path: Path) -> None:
    code = (
        "import signal, sys, time;"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7)); print('up'); time.sleep(60)"
    )
    child = python(code, ready=says("up", tmp_path / "child.log"))
    await child.start()

    assert await child.terminate() == 7


async def test_terminate_ends_a_child_that_is_deaf(python: Describe, tmp_path: Path) -> None:
    child = python(DEAF, ready=says("up", tmp_path / "child.log"))
    await child.start()

    assert await child.terminate(grace=0.1) == -signal.SIGKILL


async def test_terminate_ends_a_paused_child(python: Describe) -> None:
    child = python("import time; time.sleep(60)")
    await child.start()
    child.pause()

    assert await child.terminate() == -signal.SIGTERM


async def test_kill_ends_the_child_at_once(python: Describe) -> None:
    child = python(DEAF)
    await child.start()

    assert await child.kill() == -signal.SIGKILL
    assert child.returncode == -signal.SIGKILL


async def test_stopping_what_has_ended_returns_its_status(python: Describe) -> None:
    child = python("raise SystemExit(4)")
    child.spawn()
    await child.wait()

    assert (await child.terminate(), await child.kill()) == (4, 4)


async def test_a_paused_child_goes_on_when_resumed(python: Describe) -> None:
    child = python("print('end')")
    child.spawn()
    child.pause()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await child.wait()
    assert child.running

    child.resume()

    assert await child.wait() == 0


async def test_a_child_can_be_started_again_and_shows_only_its_new_lines(python: Describe) -> None:
    child = python("import os; print('pid', os.getpid())")
    for _ in range(2):
        child.spawn()
        await child.wait()

    assert child.last_lines() == f"pid {child.pid}"
    assert len(child.log.read_text().splitlines()) == 2


async def test_a_running_child_is_not_started_twice(python: Describe) -> None:
    child = python("import time; time.sleep(60)")
    child.spawn()

    with pytest.raises(StartFailed, match="runs already"):
        child.spawn()


async def test_what_was_never_started_cannot_be_stopped(python: Describe) -> None:
    child = python("")

    assert (child.pid, child.returncode, child.running) == (None, None, False)
    with pytest.raises(StartFailed, match="was never started"):
        await child.terminate()


async def test_the_child_has_a_session_of_its_own(python: Describe) -> None:
    child = python("import time; time.sleep(60)")
    child.spawn()

    assert child.pid is not None
    assert os.getsid(child.pid) == child.pid


def test_a_child_may_be_stopped_on_another_loop_than_it_was_started_on(tmp_path: Path) -> None:
    child = Process("child", ["sleep", "60"], log=tmp_path / "log")
    with asyncio.Runner() as first, asyncio.Runner() as second:
        first.run(child.start())

        assert second.run(child.kill()) == -signal.SIGKILL
