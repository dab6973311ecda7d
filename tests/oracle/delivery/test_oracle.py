"""The quick form of the oracle: a few kills, then every sample is compared."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.timeout(600)
async def test_nothing_is_lost_extra_or_different_after_kills() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.oracle.delivery.run", "--seed", "7", "--kills", "4"),
        *("--nats", "1", "--collectors", "2", "--writers", "2", "--series", "300", "--quiet", "2"),
        stdout=PIPE,
        stderr=PIPE,
        cwd=ROOT,
    )
    output, errors = await process.communicate()

    last = output.decode().splitlines()[-1:] or [""]
    assert process.returncode == 0, errors.decode()
    assert "lost=0 extra=0 different=0 kills=4" in last[0]
