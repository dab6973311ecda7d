"""Nothing that was answered 200 is lost while a receiver, a writer and a NATS node are killed.

The short form of `make bench-push`: fewer series, fewer seconds, the same servers and the same kills.
"""

import asyncio
from pathlib import Path

import pytest
from tests.bench.push import account, load, plant

SERIES = 20
RATE = 30
SECONDS = 9


@pytest.mark.timeout(240)
async def test_what_was_answered_200_is_there(tmp_path: Path) -> None:
    async with plant.running(tmp_path) as running:
        pushing = load.clusters(15, running.issuer, SERIES)
        async with asyncio.TaskGroup() as group:
            pushed = group.create_task(load.push(running.urls, pushing, RATE, SECONDS))
            for kill in (running.kill_receiver, running.kill_writer, running.kill_node):
                await asyncio.sleep(SECONDS / 4)
                await kill()
        said = pushed.result()

        assert len(said.accepted) == RATE * SECONDS, said.failures[:5]
        assert await account.lost(running, said, SERIES) == 0
