"""For tests: batches to deliver, endpoints that record what reached them, and a running writer."""

import asyncio
import contextlib
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass

import aiohttp
import msgspec
from aiohttp import web

from tenantry_common import (
    batches,
    bus,
    contracts,
    kv,
    protowire,
    remote_read,
    remote_write,
    remote_write_v2,
    runtime,
    snappy_block,
    subjects,
    tasks,
)
from tenantry_common.subjects import JobRef, ShardRef
from writer import app
from writer.config import Config

type Sample = tuple[int, float]
"""Timestamp in milliseconds, value."""
type Answer = Callable[[bytes], Awaitable[web.Response]]
"""Answers a request, given its decompressed body."""


def series(labels: dict[str, str], *samples: Sample) -> bytes:
    """Return a request of one series."""
    return remote_write.time_series(
        remote_write.encode_labels(labels), b"".join(_sample(*sample) for sample in samples)
    )


def _sample(timestamp: int, value: float) -> bytes:
    bits = b"\x09" + struct.pack("<d", value)
    message = bits + protowire.tag(2, protowire.VARINT) + protowire.varint(timestamp)
    return protowire.delimited(remote_write.SAMPLE, message)


def headers(request: bytes, start_ms: int, end_ms: int) -> dict[str, str]:
    """Return the headers of a batch that holds `request`."""
    counts = remote_write.count(request)
    return {
        subjects.HEADER_WINDOW: f"{start_ms}-{end_ms}",
        subjects.HEADER_PART: "1/1",
        subjects.HEADER_SERIES: str(counts.series),
        subjects.HEADER_SAMPLES: str(counts.samples),
        subjects.HEADER_SCHEMA: "1",
    }


async def publish(
    connection: bus.Bus, shard: ShardRef, requests: Iterable[bytes], end_ms: int = 0
) -> None:
    """Store one batch made of `requests`, as a collector would."""
    request = remote_write.join(requests)
    await batches.append(
        connection,
        subjects.samples(shard),
        snappy_block.compress(request),
        headers(request, max(0, end_ms - 10_000), end_ms),
    )


async def answer(
    connection: bus.Bus,
    asked: contracts.Backfill,
    windows: Iterable[tuple[bytes, int, int]],
    **said: int,
) -> None:
    """Answer a request for backfill as a collector would.

    `windows` are requests with start and end of their windows; `said` is what the collector says
    of the request besides.
    """
    shard = ShardRef(JobRef(asked.tenant, asked.job), asked.shard)
    sequence = 0
    for request, start_ms, end_ms in windows:
        sequence = await batches.publish(
            connection,
            subjects.backfill(shard, asked.endpoint),
            snappy_block.compress(request),
            headers(request, start_ms, end_ms) | {subjects.HEADER_BACKFILL: asked.id},
            after=sequence,
        )
    key = subjects.backfill_key(shard, asked.endpoint, asked.end_ms)
    revision = (await kv.entry(connection, subjects.BACKFILLS, key)).revision
    answered = msgspec.structs.replace(asked, answered_ms=1, sequence=sequence, **said)
    await kv.compare_and_set(
        connection, subjects.BACKFILLS, key, contracts.encode(answered), revision=revision
    )


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One request as it reached an endpoint."""

    request: bytes
    """Its body, decompressed, as remote write 1.0; one of 2.0 was decoded strictly."""
    headers: dict[str, str]
    overlapped: bool
    """Whether another request was still being answered when this one came."""
    at: float
    """Monotonic seconds."""


class Endpoint:
    """An endpoint that answers as it is told and keeps what it saw."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.url = ""
        self.seen: list[Seen] = []
        self._open = 0

    async def handle(self, request: web.Request) -> web.Response:
        """Record one request, then answer it."""
        body = await request.read()
        decoded = snappy_block.decompress(body, limit=len(body) * 100 + 100)
        if request.headers["Content-Type"] == remote_write_v2.CONTENT_TYPE:
            decoded = remote_write_v2.to_v1(decoded)
        self.seen.append(
            Seen(
                request=decoded,
                headers=dict(request.headers),
                overlapped=self._open > 0,
                at=time.monotonic(),
            )
        )
        self._open += 1
        try:
            return await self.answer(decoded)
        finally:
            self._open -= 1


async def accept(_: bytes) -> web.Response:
    """Take everything."""
    return web.Response(status=204)


async def accept_v2(request: bytes) -> web.Response:
    """Take everything, and say how much that was, as receivers of 2.0 do."""
    return web.Response(status=204, headers=written(remote_write.count(request).samples))


def written(samples: int) -> dict[str, str]:
    """Return the headers by which a receiver of 2.0 says what it has stored."""
    name = "X-Prometheus-Remote-Write-{}-Written"
    return {name.format("Samples"): str(samples), name.format("Histograms"): "0"}


def forward(url: str) -> Answer:
    """Return an answer that is another endpoint's."""

    async def answer(request: bytes) -> web.Response:
        async with (
            aiohttp.ClientSession() as http,
            http.post(
                url,
                data=snappy_block.compress(request),
                headers={
                    "Content-Encoding": "snappy",
                    "Content-Type": "application/x-protobuf",  # Prometheus 3 insists on it
                },
            ) as response,
        ):
            return web.Response(status=response.status, body=await response.read())

    return answer


@contextlib.asynccontextmanager
async def endpoint(answer: Answer = accept) -> AsyncIterator[Endpoint]:
    """Run an `Endpoint` while the body runs."""
    recording = Endpoint(answer)
    app = web.Application(client_max_size=64 << 20)
    app.router.add_post("/api/v1/write", recording.handle)
    # Not aiohttp's TestServer, whose handlers end when their client goes away: a real endpoint
    # goes on storing.
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    recording.url = f"http://127.0.0.1:{runner.addresses[0][1]}/api/v1/write"
    try:
        yield recording
    finally:
        await runner.cleanup()


def job(ref: JobRef, *urls: str) -> contracts.DeliveryJob:
    """Return a job with one endpoint per URL, named 0, 1, …"""
    return contracts.DeliveryJob(
        tenant=ref.tenant,
        name=ref.name,
        digest="d",
        rules=(),
        interval_ms=10_000,
        lookback_ms=0,
        endpoints=tuple(
            contracts.Endpoint(id=str(n), kind="prometheus", url=url) for n, url in enumerate(urls)
        ),
    )


async def put_job(connection: bus.Bus, wanted: contracts.DeliveryJob) -> None:
    """Publish a job, as the tenant-controller would."""
    key = subjects.job_key(JobRef(wanted.tenant, wanted.name))
    await kv.put(connection, subjects.JOBS, key, contracts.encode(wanted))


@contextlib.asynccontextmanager
async def running(settings: Config) -> AsyncIterator[runtime.Runtime]:
    """Run a whole writer in this process while the body runs, then have it drain."""
    process = runtime.Runtime("writer", settings)
    async with asyncio.TaskGroup() as group:
        tasks.spawn(group, "writer", app.main(settings, process))
        yield process
        process.stopping.set()


async def read_back(url: str, start_ms: int, end_ms: int) -> dict[bytes, bytes]:
    """Return all samples that the Prometheus at `url` holds, by their series' label bytes."""
    everything = contracts.Matcher("__name__", "=~", ".+")
    query = remote_read.Query(matchers=(everything,), start_ms=start_ms, end_ms=end_ms)
    async with (
        aiohttp.ClientSession() as http,
        http.post(
            f"{url}/api/v1/read",
            data=snappy_block.compress(remote_read.encode_request([query])),
            headers={"Content-Encoding": "snappy"},
        ) as response,
    ):
        response.raise_for_status()
        answer = snappy_block.decompress(await response.read(), limit=64 << 20)
    return by_series(answer[start:end] for start, end in remote_read.results(answer))


def by_series(requests: Iterable[bytes]) -> dict[bytes, bytes]:
    """Return the sample bytes of all requests, one behind the other, by label bytes."""
    found: dict[bytes, bytes] = {}
    for request in requests:
        for span in remote_write.series(request):
            middle = remote_write.labels_end(request, span.start, span.end)
            labels = request[span.start : middle]
            found[labels] = found.get(labels, b"") + request[middle : span.end]
    return found
