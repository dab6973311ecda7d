"""Composition root of the collector: builds the clients, wires the parts, owns the tasks."""

import asyncio
import contextlib
import time
from collections.abc import Callable

import aiohttp

from collector.backfill import Source
from collector.backfills import Backfills
from collector.batch import Limits
from collector.config import Config
from collector.metrics import Metrics
from collector.pull import Puller
from collector.replicas import Replicas, Work
from collector.shard_loop import Pace, ShardLoop
from collector.shards import Shards
from tenantry_common import (
    bus,
    cluster_secrets,
    contracts,
    credentials,
    kv,
    leases,
    reports,
    runtime,
    streams,
    subjects,
    tasks,
)
from tenantry_common.backend_access import Keyring
from tenantry_common.subjects import JobRef, ShardRef

_HEADERS_BYTES = 4096


async def main(settings: Config, process: runtime.Runtime) -> None:
    """Collect until `process.stopping` is set; then give the leases back."""
    process.readiness.set("jobs", False, "not read yet")
    async with contextlib.AsyncExitStack() as stack:
        connected: list[bus.Bus] = []

        async def connect() -> None:
            connection = await stack.enter_async_context(process.connect())
            await streams.ensure(connection, settings.nats)
            connected.append(connection)

        await tasks.until(process.stopping, connect())
        if connected:
            http = await stack.enter_async_context(
                # As many connections as the limits of the puller allow; never through a proxy.
                aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(limit=0),
                    auto_decompress=False,
                    trust_env=False,
                    cookie_jar=aiohttp.DummyCookieJar(),
                )
            )
            secrets = await stack.enter_async_context(
                cluster_secrets.configured(settings, "collector")
            )
            await Collector(settings, process, connected[0], http, secrets).run()


class Collector:
    """The parts of one running instance, and who tells whom."""

    def __init__(
        self,
        settings: Config,
        process: runtime.Runtime,
        connection: bus.Bus,
        http: aiohttp.ClientSession,
        secrets: credentials.Source,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._process = process
        self._bus = connection
        self._secrets = secrets
        self._now = now
        self._metrics = Metrics(process.registry)
        self._puller = Puller(
            http,
            timeout=settings.fetch_timeout_seconds,
            max_bytes=settings.max_answer_bytes,
            per_source=settings.max_fetches_per_source,
            way=settings.read,
            keyring=Keyring(settings.backend_access),
        )
        self._pace = Pace(
            settle=round(settings.settle_seconds * 1000),
            spread=round(settings.spread_seconds * 1000),
            slice=round(settings.slice_seconds * 1000),
            overlap=(
                None if settings.overlap_seconds is None else round(settings.overlap_seconds * 1000)
            ),
            retry_max_seconds=settings.retry_max_seconds,
            slots=asyncio.Semaphore(settings.max_concurrent_windows),
            small_answer=settings.max_answer_bytes // 4,
        )
        self._jobs = kv.KvView(connection, subjects.JOBS, contracts.decode_job)
        self._backends = kv.KvView(connection, subjects.BACKENDS, contracts.decode_backend)
        self._holders = kv.KvView(connection, subjects.LEASES, contracts.decode_lease)
        self._requests = kv.KvView(connection, subjects.BACKFILLS, contracts.decode_backfill)
        self._shards = Shards(
            process.instance, self._jobs, self._backends, self._holders, self._make_loop
        )
        self._backfill_turns = asyncio.Semaphore(max(1, settings.max_concurrent_windows // 2))
        self._backfills = Backfills(
            connection, self._requests, lambda: self._held(), self._source, self._metrics, now=now
        )
        self._membership = leases.Lease(
            connection, subjects.member_lease("collector", process.instance), process.instance
        )
        self._reporter = reports.Reporter(
            connection, "collector", process.instance, self._say, on_error=self._metrics.errors.inc
        )
        self._metrics.shards.set_function(lambda: len(self._held()))
        self._metrics.lag.set_function(self._lag)
        process.pages.add_json("/debug/shards", self._page)
        process.pages.add_json(
            "/collected-metrics", lambda: [loop.collected() for loop in self._held().values()]
        )

    async def run(self) -> None:
        """Work until the process is to stop; then end the loops and withdraw the reports."""
        async with asyncio.TaskGroup() as group:
            background = [
                tasks.spawn(group, name, work)
                for name, work in (
                    ("jobs", self._jobs.run()),
                    ("backends", self._backends.run()),
                    ("members", self._holders.run()),
                    ("membership", leases.keep(self._membership)),
                    ("readiness", self._tell_ready()),
                    ("reports", self._reporter.run()),
                    ("shards", self._shards.run()),
                    ("requests", self._requests.run()),
                    ("backfills", self._backfills.run()),
                )
            ]
            await self._process.stopping.wait()
            for task in reversed(background):
                await tasks.cancel(task)
            await self._reporter.withdraw()

    def _make_loop(self, shard: ShardRef, work: Callable[[], Work | None]) -> ShardLoop:
        return ShardLoop(
            self._bus,
            shard,
            self._process.instance,
            work,
            self._replicas(shard),
            self._pace,
            self._metrics,
            now=self._now,
        )

    def _replicas(self, shard: ShardRef) -> Replicas:
        return Replicas(
            shard,
            self._puller,
            self._limits(),
            self._metrics,
            cached_series=self._settings.cached_series,
            secrets=self._secrets,
        )

    def _source(self, shard: ShardRef) -> Source:
        """Return what backfills of `shard` are read from, with replicas of their own."""
        return Source(
            replicas=self._replicas(shard),
            work=lambda: self._shards.work(shard),
            slots=self._pace.slots,
            turns=self._backfill_turns,
            slice_ms=self._pace.slice,
            retry_max_seconds=self._pace.retry_max_seconds,
            allowed=lambda: shard in self._held(),
        )

    def _limits(self) -> Limits:
        """Return how large a batch may be, so that the server takes it."""
        return Limits(
            series=self._settings.batch_series,
            size=self._settings.batch_bytes,
            block=self._bus.client.max_payload - _HEADERS_BYTES,
            window_series=self._settings.max_series,
        )

    async def _tell_ready(self) -> None:
        await self._jobs.newer(0)
        await self._backends.newer(0)
        self._process.readiness.set("jobs", True)

    def _held(self) -> dict[ShardRef, ShardLoop]:
        return {shard: loop for shard, loop in self._shards.loops.items() if loop.lease.held}

    def _say(self) -> reports.Said:
        """Return the progress of the shards that are ours, by job."""
        said: dict[JobRef, tuple[contracts.Progress, ...]] = {}
        for shard, loop in sorted(self._held().items()):
            said[shard.job] = (*said.get(shard.job, ()), loop.progress.progress)
        return said

    def _lag(self) -> float:
        ends = (loop.progress.progress.window_end_ms for loop in self._held().values())
        return max((self._now() - end / 1000 for end in ends if end), default=0.0)

    def _page(self) -> object:
        return {
            str(shard): {"held": loop.lease.held, "progress": loop.progress.progress}
            for shard, loop in self._shards.loops.items()
        }
