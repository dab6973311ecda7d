"""Account for what was pushed: every sample that was answered 200, on the stream and at the endpoint."""

import asyncio
import json
import time

import aiohttp
import nats.errors
from nats.aio.msg import Msg
from nats.js import api
from tests.bench.push.load import SERIES, Said
from tests.bench.push.plant import Plant

from tenantry_common import protowire, snappy_block, subjects

_FETCH = 256
_TRIES = 10
_PAUSE_SECONDS = 2.0
_STILL_SECONDS = 45.0


async def on_stream(plant: Plant, said: Said) -> dict[tuple[str, int], int]:
    """Return how many samples stream SAMPLES holds, by cluster and time."""
    for _ in range(_TRIES):
        try:
            return await _read(plant, said)
        except nats.errors.Error:  # the node that was killed is not quite back yet
            await asyncio.sleep(_PAUSE_SECONDS)
    return await _read(plant, said)


async def _read(plant: Plant, said: Said) -> dict[tuple[str, int], int]:
    found: dict[tuple[str, int], int] = {}
    names = {subjects.source_token(name): name for name, _ in said.accepted}
    subscription = await plant.bus.js.pull_subscribe(
        subjects.SAMPLES_SUBJECTS,
        stream=subjects.SAMPLES,
        config=api.ConsumerConfig(ack_policy=api.AckPolicy.NONE),
    )
    left = (await plant.bus.js.stream_info(subjects.SAMPLES)).state.messages
    while left > 0:
        for message in await subscription.fetch(min(_FETCH, left), timeout=10):
            left -= 1
            _count(message, names, found)
    await subscription.unsubscribe()
    return found


def _count(message: Msg, names: dict[str, str], found: dict[tuple[str, int], int]) -> None:
    """Count the samples of one upload, which all have its time and its cluster's id, by their bytes."""
    headers = message.headers or {}
    name = names.get(headers[subjects.HEADER_SOURCE], "")
    stamp = int(headers[subjects.HEADER_WINDOW].rpartition("-")[2])
    request = snappy_block.decompress(message.data, limit=1 << 26)
    samples = request.count(b"\x10" + protowire.varint(stamp))
    push = name, stamp
    found[push] = found.get(push, 0) + min(samples, request.count(name.encode()))


async def lost(plant: Plant, said: Said, series: int = SERIES) -> int:
    """Return how many samples that were answered 200 are missing at the worse of both places."""
    stored = await on_stream(plant, said)
    missing = sum(max(0, series - stored.get(push, 0)) for push in said.accepted)
    expected = len(said.accepted) * series
    return max(missing, expected - await _delivered(plant, expected))


async def _delivered(plant: Plant, expected: int) -> int:
    """Return how many samples the endpoint has once it has as many as `expected`, or gets no more."""
    delivered, moved = 0, time.monotonic()
    async with aiohttp.ClientSession() as session:
        while delivered < expected and time.monotonic() - moved < _STILL_SECONDS:
            await asyncio.sleep(1)
            found = await at_endpoint(session, plant)
            if found != delivered:
                delivered, moved = found, time.monotonic()
    return delivered


async def at_endpoint(session: aiohttp.ClientSession, plant: Plant) -> int:
    """Return how many samples of clusters the real Prometheus holds."""
    query = {"query": 'sum(count_over_time({_id!=""}[1h]))'}
    async with session.get(f"{plant.prometheus.url}/api/v1/query", params=query) as answer:
        result = json.loads(await answer.read())["data"]["result"]
    return int(result[0]["value"][1]) if result else 0
