"""What goes wrong with replicas and shards, and what tenants notice of it: the right answer, or why not."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from tests.integration.query_gateway.estate import Answer, Estate, running, succeeded
from tests.integration.query_gateway.shards.servers import (
    GARBAGE,
    Between,
    Shard,
    announce,
    backend,
    sharded,
)

from tenantry_local.prometheus import Prometheus
from tenantry_local.testing import Factory

PARTS = (
    [{"__name__": "up", "namespace": "shop", "job": job} for job in "ab"],
    [{"__name__": "up", "namespace": "shop", "job": job} for job in "cd"],
)
HEDGE: dict[str, Any] = {"upstream": {"hedge_seconds": 0.3, "breaker_failures": 1000}}


class Running:
    """A gateway over two shards, and what its tenant asks."""

    def __init__(self, estate: Estate, shards: list[Shard], end: int) -> None:
        self.estate = estate
        self.shards = shards
        self._end = end

    async def ask(self, path: str, **more: str) -> Answer:
        """Ask for all series, in one of the ways in which they are put together."""
        end = str(self._end)
        times = {"start": str(self._end - 300), "end": end, "step": "15"}
        parameters = {
            "query": {"query": "sum(up) + 1", "time": end},
            "query_range": {"query": "up", **times},
            "series": {"match[]": "up"},
            "label/job/values": {},
        }
        return await self.estate.ask(path, "shop", **{**parameters[path], **more})

    async def preferred(self, path: str) -> Between:
        """Return the replica of the first shard that is asked, having the tenant ask once."""
        before = [one.requests for one in self.shards[0].replicas]
        await self.ask(path)
        after = [one.requests for one in self.shards[0].replicas]
        (index,) = (
            n for n, pair in enumerate(zip(before, after, strict=True)) if len(set(pair)) > 1
        )
        return self.shards[0].replicas[index]


@pytest_asyncio.fixture
async def one(estate: Estate, prometheus_factory: Factory[Prometheus]) -> AsyncIterator[Running]:
    """Run a gateway that keeps nothing, so that each question reaches the shards."""
    end = int(time.time()) // 15 * 15 - 60
    settings = {**HEDGE, "cache": {"memory_bytes": 0}}
    await estate.grant("shop", '{namespace="shop"}')
    async with (
        sharded(estate, prometheus_factory, PARTS, end) as shards,
        running(estate.gateway(**settings)),
    ):
        await estate.until(succeeded, "query", "shop", query="up")
        yield Running(estate, shards, end)


PATHS = ("query", "query_range", "series", "label/job/values")


@pytest.mark.parametrize("path", PATHS)
async def test_a_replica_that_is_killed_while_it_answers_is_not_noticed(
    one: Running, path: str
) -> None:
    preferred = await one.preferred(path)
    expected = await one.ask(path)
    preferred.server.pause()
    preferred.asked.clear()

    async with asyncio.TaskGroup() as group:
        asked = group.create_task(one.ask(path))
        async with asyncio.timeout(30):
            await preferred.asked.wait()
        await preferred.server.kill()

    assert expected.status == 200
    assert asked.result() == expected
    assert await one.ask(path) == expected


@pytest.mark.parametrize("path", PATHS)
async def test_a_replica_that_is_slow_is_overtaken(one: Running, path: str) -> None:
    preferred = await one.preferred(path)
    expected = await one.ask(path)
    preferred.mode = "hangs"

    assert expected.status == 200
    assert await one.ask(path) == expected


async def test_a_replica_that_answers_garbage_is_not_believed(one: Running) -> None:
    for path in PATHS:
        preferred = await one.preferred(path)
        expected = await one.ask(path)
        preferred.mode = "says garbage"
        for preferred.garbage in GARBAGE:
            assert await one.ask(path) == expected, preferred.garbage
        preferred.mode = "breaks off"
        assert await one.ask(path) == expected
        preferred.mode = "passes"


async def test_a_shard_that_is_away_is_named_or_left_out_with_a_warning(one: Running) -> None:
    for replica in one.shards[0].replicas:
        await replica.server.kill()

    for path in PATHS:
        refused = await one.ask(path)
        assert (refused.status, refused.body["errorType"]) == (503, "unavailable")
        assert "shard s0" in refused.body["error"]

        partial = await one.ask(path, partial="true")
        assert partial.status == 200
        assert partial.body["warnings"] == ["the answer is partial: shard s0 did not answer"]
    assert partial.body["data"] == ["c", "d"]


async def test_a_replica_that_is_drained_finishes_what_it_was_asked(one: Running) -> None:
    preferred = await one.preferred("query")
    expected = await one.ask("query")
    others = [it for it in one.shards[0].replicas if it is not preferred]
    number = one.shards[0].replicas.index(preferred)
    preferred.server.pause()
    preferred.asked.clear()
    other_down = [it.server for it in others]

    async with asyncio.TaskGroup() as group:
        for server in other_down:  # so that the running request cannot go there
            server.pause()
        asked = group.create_task(one.ask("query"))
        async with asyncio.timeout(30):
            await preferred.asked.wait()
        drained = backend("s0", number, preferred.url, healthy=False, reason="draining")
        await announce(one.estate, drained)
        preferred.server.resume()
    for server in other_down:
        server.resume()
    async with asyncio.timeout(30):
        while True:
            before = preferred.requests
            assert await one.ask("query") == expected
            if preferred.requests == before:
                break

    assert asked.result() == expected
    assert await one.ask("query") == expected
    assert preferred.requests == before


@pytest.mark.parametrize("partial", ["false", "true"])
async def test_a_shard_that_hangs_has_a_time_out_of_its_own(
    estate: Estate, prometheus_factory: Factory[Prometheus], partial: str
) -> None:
    end = int(time.time()) // 15 * 15 - 60
    await estate.grant("shop", '{namespace="shop"}')
    async with (
        sharded(estate, prometheus_factory, PARTS, end) as shards,
        running(estate.gateway(limits={"shard_seconds": 3})),
    ):
        await estate.until(succeeded, "query", "shop", query="up")
        for replica in shards[0].replicas:
            replica.mode = "hangs"
        answer = await Running(estate, shards, end).ask("query", partial=partial)

    if partial == "true":
        assert answer.status == 200
        assert answer.body["warnings"] == ["the answer is partial: shard s0 did not answer"]
    else:
        assert (answer.status, answer.body["errorType"]) == (503, "timeout")
        assert answer.body["error"] == "shard s0: no answer within 3 s (limit shard_seconds)"
