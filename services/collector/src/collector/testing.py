"""For tests: a clock to set, samples to store in a Prometheus, and what arrived on the stream."""

import asyncio
import contextlib
import struct
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field

import aiohttp
import msgspec
from prometheus_client import CollectorRegistry

from collector.assign import HaSet
from collector.batch import Limits
from collector.metrics import Metrics
from collector.pull import Puller
from collector.replicas import Replicas, Work
from collector.shard_loop import Pace, ShardLoop
from tenantry_common import batches, bus, protowire, remote_write, snappy_block, subjects, tasks
from tenantry_common.batches import Stored
from tenantry_common.contracts import Backend, DeliveryJob, Matcher
from tenantry_common.subjects import JobRef, ShardRef

SHARD = ShardRef(JobRef("shop", "main"), "cluster-eu1")

type Sample = tuple[int, int]
"""Timestamp in ms, and the 64 bits of the value."""
type Point = tuple[frozenset[tuple[str, str]], bytes]
"""Labels, and the bytes of one sample or native histogram."""


class Clock:
    """A time that stands still until it is set."""

    def __init__(self, now_ms: int) -> None:
        self.now_ms = now_ms

    def __call__(self) -> float:
        return self.now_ms / 1000


def job(rules: Iterable[tuple[Matcher, ...]] = ((),), **more: object) -> DeliveryJob:
    """Return a job of `SHARD` with windows of ten seconds; `more` are fields of `DeliveryJob`."""
    plain = DeliveryJob(
        tenant=SHARD.job.tenant,
        name=SHARD.job.name,
        digest="1",
        rules=tuple(rules),
        interval_ms=10_000,
        lookback_ms=3_600_000,
    )
    return msgspec.structs.replace(plain, **more)


def sample(timestamp: int, bits: int) -> bytes:
    """Return one encoded sample, as Prometheus encodes it."""
    value = b"\x09" + struct.pack("<Q", bits) if bits else b""
    stamp = protowire.tag(2, protowire.VARINT) + protowire.varint(timestamp)
    return protowire.delimited(remote_write.SAMPLE, value + stamp)


def series(labels: Mapping[str, str], samples: Iterable[Sample]) -> bytes:
    """Return a request of one series."""
    encoded = b"".join(sample(*one) for one in samples)
    return remote_write.time_series(remote_write.encode_labels(labels), encoded)


def points(request: bytes) -> Counter[Point]:
    """Return every sample and histogram of a request, with its labels."""
    found: Counter[Point] = Counter()
    for span in remote_write.series(request):
        labels = frozenset(remote_write.series_labels(request, span).items())
        begin = remote_write.labels_end(request, span.start, span.end)
        for one, _ in remote_write.timestamps(request, begin, span.end):
            found[labels, request[one.entry : one.end]] += 1
    return found


def stamps(found: Iterable[Stored], label: str = "n") -> dict[str, list[int]]:
    """Return the timestamps of each value of `label`, in the order of the messages."""
    by_value: dict[str, list[int]] = {}
    request = requests(found)
    for span in remote_write.series(request):
        value = remote_write.series_labels(request, span).get(label, "")
        begin = remote_write.labels_end(request, span.start, span.end)
        times = [time for _, time in remote_write.timestamps(request, begin, span.end)]
        by_value.setdefault(value, []).extend(times)
    return by_value


async def store(url: str, request: bytes) -> None:
    """Write a request to the Prometheus at `url`, which must take all of it."""
    headers = {
        "Content-Type": "application/x-protobuf",
        "Content-Encoding": "snappy",
        "X-Prometheus-Remote-Write-Version": "0.1.0",
    }
    body = snappy_block.compress(request)
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}/api/v1/write", data=body, headers=headers) as answer,
    ):
        if answer.status // 100 != 2:
            raise AssertionError(f"{answer.status}: {await answer.text()}")


async def messages(connection: bus.Bus, shard: ShardRef = SHARD) -> list[Stored]:
    """Return everything that was published of a shard, in order."""
    found: list[Stored] = []
    subject = subjects.samples(shard)
    sequence = 0
    while True:
        message = await batches.following(connection, subjects.SAMPLES, subject, sequence)
        if message is None:
            return found
        found.append(message)
        sequence = message.sequence


def requests(found: Iterable[Stored]) -> bytes:
    """Return the bodies of messages as one request."""
    return b"".join(snappy_block.decompress(one.data, limit=1 << 26) for one in found)


async def eventually(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Wait until `condition` is met."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  # what is waited for announces nothing
            await asyncio.sleep(0.01)


async def reached(loop: ShardLoop, until_ms: int, seconds: float = 10) -> None:
    """Wait until `loop` has collected everything up to then."""
    await eventually(lambda: loop.progress.progress.window_end_ms >= until_ms, seconds)


@dataclass
class Rig:
    """Builds shard loops that read real servers under a clock of the test's own."""

    connection: bus.Bus
    http: aiohttp.ClientSession
    clock: Clock
    ha_set: HaSet = ()
    job: DeliveryJob | None = None
    limits: Limits = field(default_factory=lambda: Limits(series=3000, size=500_000))
    slice_ms: int = 300_000
    max_bytes: int = 64 << 20
    fetch_timeout: float = 10
    cached_series: int = 100_000
    metrics: Metrics = field(default_factory=lambda: Metrics(CollectorRegistry()))

    def loop(
        self,
        instance: str = "a",
        shard: ShardRef = SHARD,
        work: Callable[[], Work | None] | None = None,
    ) -> ShardLoop:
        """Return a loop that is not running yet."""
        puller = Puller(
            self.http, timeout=self.fetch_timeout, max_bytes=self.max_bytes, per_source=2
        )
        pace = Pace(
            settle=0,
            spread=0,
            slice=self.slice_ms,
            retry_max_seconds=0.1,
            slots=asyncio.Semaphore(2),
            small_answer=self.max_bytes // 4,
        )
        replicas = Replicas(
            shard, puller, self.limits, self.metrics, cached_series=self.cached_series
        )
        return ShardLoop(
            self.connection,
            shard,
            instance,
            work or self._work,
            replicas,
            pace,
            self.metrics,
            now=self.clock,
        )

    def _work(self) -> Work | None:
        return Work(job=self.job, ha_set=self.ha_set) if self.job and self.ha_set else None

    @contextlib.asynccontextmanager
    async def running(self, instance: str = "a") -> AsyncIterator[ShardLoop]:
        """Run a loop until the block ends; it gives its lease back then."""
        loop = self.loop(instance)
        async with asyncio.TaskGroup() as group:
            task = tasks.spawn(group, instance, loop.run())
            try:
                yield loop
            finally:
                await tasks.cancel(task)

    async def collected(self, loop: ShardLoop, until_ms: int, *, seconds: float = 10) -> None:
        """Set the clock, and wait until `loop` has collected everything up to then."""
        self.clock.now_ms = until_ms
        loop.wake()
        await reached(loop, until_ms, seconds)


def backend(url: str, name: str = "a", **more: object) -> Backend:
    """Return a healthy source of `SHARD`; `more` are other fields of `Backend`."""
    plain = Backend(id=name, url=url, ha_set=SHARD.shard, healthy=True)
    return msgspec.structs.replace(plain, **more)
