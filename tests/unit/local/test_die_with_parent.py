"""A child started through the shim does not outlive the process that started it."""

import os
import select
import subprocess
import sys
from pathlib import Path

import pytest

from tenantry_local import die_with_parent

PARENT = """
import asyncio, pathlib, sys, time
from tenantry_local.process import Process
child = Process("child", ["sleep", "60"], log=pathlib.Path(sys.argv[1]))
child.spawn()
while pathlib.Path(f"/proc/{child.pid}/comm").read_text().strip() != "sleep":
    time.sleep(0.01)
print(child.pid, flush=True)
time.sleep(60)
"""

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux has parent-death signals")


def test_a_child_dies_when_its_parent_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, tmp_path / "log"], stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        child = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()

    ended, _, _ = select.select([child], [], [], 5)
    os.close(child)

    assert ended == [child]


def test_a_child_whose_parent_is_gone_already_does_not_start() -> None:
    done = subprocess.run(
        [sys.executable, die_with_parent.__file__, "1", "echo", "started"],
        capture_output=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (1, b"")


def test_a_program_that_cannot_be_run_is_named() -> None:
    done = subprocess.run(
        [sys.executable, die_with_parent.__file__, str(os.getpid()), "/no/such/program"],
        capture_output=True,
        check=False,
        text=True,
    )

    assert (done.returncode, done.stderr.splitlines()) == (
        1,
        ["cannot run /no/such/program: [Errno 2] No such file or directory"],
    )
