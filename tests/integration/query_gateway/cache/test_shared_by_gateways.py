"""Two gateways with one Redis answer like one without, whatever changes and whatever becomes of Redis."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import redis.asyncio
from hypothesis import HealthCheck, given, settings
from tests.unit.query_gateway import changing
from tests.unit.query_gateway.changing import Data, Estate, Event

from query_gateway import config
from query_gateway.testing import Harness
from tenantry_local.redis_server import RedisServer
from tenantry_local.testing import Factory

ASK: Event = ("ask", {"tenant": "shop", "steps": 100, "step": 15, "back": 0})
PATIENT = 2.0
"""Seconds for Redis to answer: what is tested here is what the answers are, on a slow machine too."""
NOTHING = 1
"""Bytes of memory that hold no record, so that Redis is asked for each."""


def shared(server: RedisServer, folder: Path, **more: object) -> config.Cache:
    key = folder / "key"
    key.write_text("k" * 32)
    settings = config.Redis(url=server.url, key_file=str(key), timeout_seconds=PATIENT)
    return config.Cache(redis=settings, **more)  # type: ignore[arg-type]


def counted(harness: Harness, metric: str) -> Counter[tuple[str, ...]]:
    return Counter(
        {
            tuple(sample.labels.values()): int(sample.value)
            for family in harness.registry.collect()
            for sample in family.samples
            if sample.name == f"tenantry_query_gateway_{metric}_total"
        }
    )


async def until_stored(harness: Harness, records: int) -> None:
    async with asyncio.timeout(15):
        while counted(harness, "shared_cache_records")["put", "stored"] < records:  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(0.01)


async def test_what_one_gateway_asked_for_the_other_does_not(
    redis_factory: Factory[RedisServer], tmp_path: Path
) -> None:
    cache = shared(await redis_factory(), tmp_path)
    estate = Estate({"one": Data(1)})
    fakes = estate.backends()
    async with changing.gateways(estate, fakes, (cache, cache)) as (one, other):
        await changing.play(estate, fakes, [one], [ASK])
        await until_stored(one, 1)
        await changing.play(estate, fakes, [other], [ASK])

        assert counted(other, "cache_steps")[("kept",)] > 80
        assert counted(other, "cache_steps")[("missed",)] < 20


async def test_gateways_that_ask_as_somebody_else_share_nothing(
    redis_factory: Factory[RedisServer], tmp_path: Path
) -> None:
    server = await redis_factory()
    caches = [shared(server, tmp_path, epoch=epoch) for epoch in ("", "after the backfill")]
    estate = Estate({"one": Data(1)})
    fakes = estate.backends()
    async with changing.gateways(estate, fakes, caches) as (one, other):
        await changing.play(estate, fakes, [one], [ASK])
        await until_stored(one, 1)
        await changing.play(estate, fakes, [other], [ASK])

        assert counted(other, "cache_steps")[("kept",)] == 0


@given(changing.EVENTS)
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_answers_are_those_of_a_gateway_without_a_cache(
    redis_factory: Factory[RedisServer], tmp_path: Path, events: Sequence[Event]
) -> None:
    server = await redis_factory()
    caches = (None, shared(server, tmp_path), shared(server, tmp_path, memory_bytes=NOTHING))
    estate = Estate({"one": Data(1), "two": Data(2)})
    fakes = estate.backends()
    async with changing.gateways(estate, fakes, caches) as harnesses:
        await changing.play(estate, fakes, harnesses, events)


async def test_answers_stay_right_while_redis_is_killed_full_stalled_and_spoilt(
    redis_factory: Factory[RedisServer], tmp_path: Path
) -> None:
    server = await redis_factory(flags=("--maxmemory", "2mb"))
    cache = shared(server, tmp_path, memory_bytes=NOTHING)
    estate = Estate({"one": Data(1)})
    fakes = estate.backends()
    later: Sequence[Event] = [ASK, ("wait", {"seconds": 200}), ASK]
    async with changing.gateways(estate, fakes, (None, cache, cache)) as harnesses:
        assert await changing.play(estate, fakes, harnesses, later) == 2
        await until_stored(harnesses[1], 1)
        await spoil(server)
        assert await changing.play(estate, fakes, harnesses, later) == 2
        assert counted(harnesses[1], "shared_cache_records")["get", "refused"] > 0
        await server.kill()
        assert await changing.play(estate, fakes, harnesses, later) == 2
        await server.start()
        assert await changing.play(estate, fakes, harnesses, later) == 2
        server.pause()
        assert await changing.play(estate, fakes, harnesses, later) == 2
        server.resume()
        assert await changing.play(estate, fakes, harnesses, later) == 2


async def spoil(server: RedisServer) -> None:
    """Give every record the value of another one, and the last one none that makes sense."""
    async with redis.asyncio.Redis.from_url(server.url) as client:
        names: list[bytes] = [name async for name in client.scan_iter()]
        values = [await client.get(name) for name in names]
        for name, value in zip(names, [*values[1:], b"garbage"], strict=True):
            await client.set(name, value or b"")
