"""Ten thousand clusters are remembered as one kind of cluster."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.receiver.conftest import Site

from receiver import testing
from tenantry_common.contracts import PushPolicy

CLUSTERS = 10_000
PUSHERS = 8
SERIES = 5


@pytest.mark.timeout(300)
async def test_memory_does_not_grow_with_the_number_of_clusters(site: Site) -> None:
    await site.start()
    await site.publish(testing.job(PushPolicy(sources=("*",), interval_ms=60_000, federate=False)))
    process = site.receivers[0]
    names = iter([f"../{number}/\n" for number in range(CLUSTERS)])
    now = testing.now_ms()

    async def push(names: Iterator[str]) -> None:
        for name in names:
            samples = [({"_id": name, "n": str(n)}, 1.0, now) for n in range(SERIES)]
            answer = await site.upload(testing.family("up", samples), name)
            assert answer.status == 200

    await push(iter([f"warm-{number}" for number in range(100)]))
    before = _peak_mb(process.pid)
    async with asyncio.TaskGroup() as group:
        for _ in range(PUSHERS):
            group.create_task(push(names))

    async with site.session.get(f"{site.ops_urls[0]}/metrics") as answer:
        text = await answer.text()
    assert f"tenantry_receiver_remembered_series {SERIES}.0" in text
    assert _peak_mb(process.pid) - before < 60


def _peak_mb(pid: int | None) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1000
    raise AssertionError("Linux tells the peak of a process")
