"""What is taken away is gone within five seconds, while queries run.

Classes: a policy that is deleted, or permits less.
"""

import asyncio
import json
import time

import pytest
from tests.leakage import victim
from tests.leakage.estate import TALLY, Answered, Estate

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(60)]

_LONGEST_SECONDS = 5.0
_AFTERWARDS_SECONDS = 1.0
_PATHS = (
    f"/api/v1/query?query=count(shared_total)&time={victim.END}",
    f"/api/v1/query_range?query=shared_total&start={victim.START}&end={victim.END}&step=15",
    "/api/v1/series?match[]=shared_total",
    "/api/v1/label/team/values",
    "/federate?match[]=shared_total",
    "/tenants/leaving/api/v1/labels",
)


async def _ask(attacked: Estate, path: str) -> Answered:
    headers = {} if path.startswith("/tenants/") else {"X-Tenant-Namespace": "leaving"}
    TALLY.cases += 1
    return await attacked.send(f"{attacked.url}{path}", "GET", headers=headers)


async def test_a_deleted_policy_stops_answering(attacked: Estate) -> None:
    await attacked.grant("leaving", '{namespace="shop"}')
    async with asyncio.timeout(5):
        while (await _ask(attacked, _PATHS[0])).status != 200:  # noqa: ASYNC110 - a process announces nothing
            await asyncio.sleep(0.02)
    deleted = ended = 0.0
    seen: list[tuple[float, int]] = []

    async def keep_asking(path: str) -> None:
        while not ended or time.monotonic() < ended:
            sent = time.monotonic()
            seen.append((sent, (await _ask(attacked, path)).status))

    async with asyncio.TaskGroup() as group:
        for path in _PATHS * 2:
            group.create_task(keep_asking(path))
        async with asyncio.timeout(5):
            while len(seen) < 50:  # noqa: ASYNC110 - until queries run
                await asyncio.sleep(0.02)
        await attacked.withdraw("leaving")
        deleted = time.monotonic()
        ended = deleted + _LONGEST_SECONDS + _AFTERWARDS_SECONDS

    answered = [sent - deleted for sent, status in seen if status == 200]
    late = [after for after in answered if after > _LONGEST_SECONDS]
    TALLY.leaks += [f"answered {after:.1f} s after the policy was deleted" for after in late]
    assert late == []
    assert {status for sent, status in seen if sent - deleted > _LONGEST_SECONDS} == {403}
    assert answered


async def test_a_narrowed_policy_hides_what_it_no_longer_permits(attacked: Estate) -> None:
    path = _PATHS[3]
    await attacked.grant("leaving", "shared_total")
    async with asyncio.timeout(5):
        while b'"b"' not in (await _ask(attacked, path)).body:  # noqa: ASYNC110 - a process announces nothing
            await asyncio.sleep(0.02)

    await attacked.grant("leaving", 'shared_total{team="a"}')
    async with asyncio.timeout(_LONGEST_SECONDS):
        while b'"b"' in (found := await _ask(attacked, path)).body:  # noqa: ASYNC110 - a process announces nothing
            await asyncio.sleep(0.02)
    await attacked.withdraw("leaving")

    assert json.loads(found.body)["data"] == ["a"]
