"""Children are started together, watched, and stopped in reverse order."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from tenantry_local.errors import StartFailed
from tenantry_local.process import Process
from tenantry_local.supervisor import Exit, Supervisor

# Notes its own end, so that the order of ends can be read afterwards.
NOTE_END = """
import pathlib, signal, sys, time
def end(*_):
    with open(sys.argv[2], "a") as ends:
        ends.write(sys.argv[1] + "\\n")
    sys.exit()
signal.signal(signal.SIGTERM, end)
pathlib.Path(sys.argv[3]).touch()
time.sleep(60)
"""


def sleeper(supervisor: Supervisor, name: str) -> Process:
    return Process(name, ["sleep", "60"], log=supervisor.log(name))


def noting(supervisor: Supervisor, name: str, ends: Path) -> Process:
    up = supervisor.run_dir / f"{name}.up"

    async def ready() -> bool:
        return up.exists()

    argv = [sys.executable, "-c", NOTE_END, name, str(ends), str(up)]
    return Process(name, argv, log=supervisor.log(name), ready=ready)


async def test_children_are_stopped_in_the_reverse_order_of_their_start(tmp_path: Path) -> None:
    ends = tmp_path / "ends"
    async with Supervisor(tmp_path) as supervisor:
        for name in ("bus", "service", "console"):
            await supervisor.start(noting(supervisor, name, ends))

        assert supervisor.names == ("bus", "service", "console")

    assert ends.read_text().split() == ["console", "service", "bus"]


async def test_children_end_with_an_error_of_the_owner_which_is_passed_on(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path)

    async def own() -> None:
        async with supervisor:
            await supervisor.start(sleeper(supervisor, "child"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await own()
    assert not supervisor["child"].running


async def test_children_end_when_the_owner_is_cancelled(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path)

    async def own() -> None:
        async with supervisor:
            await supervisor.start(sleeper(supervisor, "child"))
            await supervisor.next_exit()

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(own(), 0.2)
    assert not supervisor["child"].running


async def test_a_child_that_dies_is_reported(tmp_path: Path) -> None:
    async with Supervisor(tmp_path) as supervisor:
        child = sleeper(supervisor, "child")
        await supervisor.start(child, sleeper(supervisor, "other"))

        await child.kill()  # by somebody else: not through the supervisor

        exit_ = await asyncio.wait_for(supervisor.next_exit(), 5)
        assert exit_ == Exit(name="child", returncode=-signal.SIGKILL)


async def test_what_is_stopped_killed_or_restarted_on_purpose_is_not_reported(
    tmp_path: Path,
) -> None:
    async with Supervisor(tmp_path) as supervisor:
        await supervisor.start(*(sleeper(supervisor, name) for name in "abc"))

        await supervisor.kill("a")
        await supervisor.stop("b")
        await supervisor.restart("c")

        assert [supervisor[name].running for name in "abc"] == [False, False, True]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(supervisor.next_exit(), 0.1)


async def test_a_killed_child_can_be_restarted_and_is_watched_again(tmp_path: Path) -> None:
    async with Supervisor(tmp_path) as supervisor:
        child = sleeper(supervisor, "child")
        await supervisor.start(child)
        await supervisor.kill("child")

        await supervisor.restart("child")
        await child.kill()

        assert (await asyncio.wait_for(supervisor.next_exit(), 5)).name == "child"


async def test_one_that_cannot_start_ends_those_that_are_not_ready_yet(tmp_path: Path) -> None:
    async def never() -> bool:
        return False

    async with Supervisor(tmp_path) as supervisor:
        slow = Process("slow", ["sleep", "60"], log=supervisor.log("slow"), ready=never)
        broken = Process("broken", ["false"], log=supervisor.log("broken"), ready=never)

        with pytest.raises(StartFailed, match="broken ended with status 1"):
            await supervisor.start(slow, broken)

        assert not slow.running


async def test_a_name_is_given_once(tmp_path: Path) -> None:
    async with Supervisor(tmp_path) as supervisor:
        await supervisor.start(sleeper(supervisor, "child"))

        with pytest.raises(ValueError, match="a child named child already"):
            await supervisor.start(sleeper(supervisor, "child"))
        with pytest.raises(KeyError, match="stranger"):
            supervisor["stranger"]
