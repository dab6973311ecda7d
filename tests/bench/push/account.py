"""Account for what was pushed: every sample that was answered 200, on the stream and at the endpoint."""

import asyncio
import json

import aiohttp
import nats.errors
from nats.js import api
from tests.bench.push.load import SERIES, Said
from tests.bench.push.plant import Plant

from tenantry_common import remote_write, snappy_block, subjects

_FETCH = 256
_TRIES = 10
_PAUSE_SECONDS = 2.0


async def on_stream(plant: Plant) -> dict[tuple[str, int], int]:
    """Return how many samples stream SAMPLES holds, by cluster and time."""
    for _ in range(_TRIES):
        try:
            return await _read(plant)
        except nats.errors.Error:  # the node that was killed is not quite back yet
            await asyncio.sleep(_PAUSE_SECONDS)
    return await _read(plant)


async def _read(plant: Plant) -> dict[tuple[str, int], int]:
    found: dict[tuple[str, int], int] = {}
    subscription = await plant.bus.js.pull_subscribe(
        subjects.SAMPLES_SUBJECTS,
        stream=subjects.SAMPLES,
        config=api.ConsumerConfig(ack_policy=api.AckPolicy.NONE),
    )
    left = (await plant.bus.js.stream_info(subjects.SAMPLES)).state.messages
    while left > 0:
        for message in await subscription.fetch(min(_FETCH, left), timeout=10):
            left -= 1
            _count(message.data, found)
    await subscription.unsubscribe()
    return found


def _count(block: bytes, found: dict[tuple[str, int], int]) -> None:
    request = snappy_block.decompress(block, limit=1 << 26)
    for span in remote_write.series(request):
        middle = remote_write.labels_end(request, span.start, span.end)
        cluster = remote_write.decode_labels(request[span.start : middle])["_id"]
        for _, stamp in remote_write.timestamps(request, middle, span.end):
            found[cluster, stamp] = found.get((cluster, stamp), 0) + 1


async def lost(plant: Plant, said: Said, series: int = SERIES, seconds: float = 120) -> int:
    """Return how many samples that were answered 200 are missing at the worse of both places."""
    stored = await on_stream(plant)
    missing = sum(max(0, series - stored.get(push, 0)) for push in said.accepted)
    expected = len(said.accepted) * series
    delivered = 0
    async with aiohttp.ClientSession() as session, asyncio.timeout(seconds):
        while True:
            delivered = await at_endpoint(session, plant)
            if delivered >= expected:
                break
            await asyncio.sleep(1)
    return max(missing, expected - delivered)


async def at_endpoint(session: aiohttp.ClientSession, plant: Plant) -> int:
    """Return how many samples of clusters the real Prometheus holds."""
    query = {"query": 'sum(count_over_time({_id!=""}[1h]))'}
    async with session.get(f"{plant.prometheus.url}/api/v1/query", params=query) as answer:
        result = json.loads(await answer.read())["data"]["result"]
    return int(result[0]["value"][1]) if result else 0
