"""From one collector and one writer to eight of each and back, while they work.

Nothing is lost, nothing comes twice or out of order, and only what must move moves.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping

import aiohttp
import msgspec
import pytest
from nats.aio.msg import Msg

import collector.app
import collector.config
import writer.app
from collector import selection
from collector.pull import Answer, Puller
from collector.schedule import Window
from collector.testing import Point, backend, job, points
from tenantry_common import (
    bus,
    contracts,
    kv,
    remote_read,
    remote_write,
    rendezvous,
    runtime,
    subjects,
    tasks,
)
from tenantry_common.subjects import JobRef, ShardRef
from tenantry_common.testing import mirror, ready_bus, settings, until
from tenantry_local.nats_server import NatsServer
from tenantry_local.prometheus import Prometheus
from tenantry_local.testing import Factory
from writer import testing
from writer.config import Config

JOBS = [JobRef("shop", f"job-{n}") for n in (0, 1, 5, 7)]  # two that move and two that stay
RULE = (contracts.Matcher("__name__", "=~", "up|go_.*"),)
SCALES = (1, 8, 1)
STEP = 2_000
WINDOWS = 3
"""Windows of a step that every endpoint gets at each scale."""
PATIENCE = 120  # seconds; two slow cores may do all of this


def shard(ref: JobRef) -> ShardRef:
    return ShardRef(ref, "cluster-eu1")


class Fleet:
    """Instances of both services in this process, each with a connection of its own."""

    def __init__(self, url: str, group: asyncio.TaskGroup) -> None:
        self._url = url
        self._group = group
        self._running: list[tuple[runtime.Runtime, asyncio.Task[None]]] = []

    @property
    def collectors(self) -> list[str]:
        return [process.instance for process, _ in self._running if process.service == "collector"]

    async def scale(self, count: int) -> None:
        """Start or stop instances until `count` of each service are left."""
        for number in range(len(self.collectors), count):
            self._start_collector(f"c{number}")
            self._start_writer(f"w{number}")
        surplus = self._running[2 * count :]
        del self._running[2 * count :]
        for process, _ in surplus:
            process.stopping.set()
        if surplus:
            await asyncio.wait([task for _, task in surplus])

    def _start_collector(self, name: str) -> None:
        config = collector.config.Config(
            nats=settings(self._url), instance=name, settle_seconds=1.0, spread_seconds=0.5
        )
        process = runtime.Runtime("collector", config)
        work = collector.app.main(config, process)
        self._running.append((process, tasks.spawn(self._group, name, work)))

    def _start_writer(self, name: str) -> None:
        config = Config(nats=settings(self._url), instance=name)
        process = runtime.Runtime("writer", config)
        work = writer.app.main(config, process)
        self._running.append((process, tasks.spawn(self._group, name, work)))


class Holders:
    """Who held the lease of each shard, one after the other."""

    def __init__(self) -> None:
        self.of: dict[str, list[str]] = {}
        """Instances by the lease's key."""
        self._prefix = subjects.bucket_subject(subjects.LEASES, "")

    async def watch(self, connection: bus.Bus) -> None:
        pattern = subjects.bucket_subject(subjects.LEASES, "collector.>")
        await connection.client.subscribe(pattern, cb=self._see)

    async def _see(self, message: Msg) -> None:
        if message.data:
            holder = contracts.decode_lease(message.data).instance
            seen = self.of.setdefault(message.subject.removeprefix(self._prefix), [])
            if seen[-1:] != [holder]:
                seen.append(holder)


@contextlib.asynccontextmanager
async def fleet(url: str) -> AsyncIterator[Fleet]:
    async with asyncio.TaskGroup() as group:
        running = Fleet(url, group)
        yield running
        await running.scale(0)


@pytest.mark.timeout(600)
async def test_scaling_up_and_down_loses_nothing_and_moves_only_what_must(
    fresh_nats_server: NatsServer, prometheus_factory: Factory[Prometheus]
) -> None:
    source = await scraping(prometheus_factory)
    holders = Holders()
    async with contextlib.AsyncExitStack() as stack:
        connection = await stack.enter_async_context(ready_bus(fresh_nats_server.url))
        endpoints = {ref: await stack.enter_async_context(testing.endpoint()) for ref in JOBS}
        await holders.watch(connection)
        found = backend(source.url)
        await kv.put(connection, subjects.BACKENDS, "a", contracts.encode(found))
        for ref, one in endpoints.items():
            await testing.put_job(
                connection,
                msgspec.structs.replace(
                    job([RULE], interval_ms=STEP),
                    name=ref.name,
                    endpoints=testing.job(ref, one.url).endpoints,
                ),
            )
        reports = await stack.enter_async_context(
            mirror(connection, subjects.REPORTS, contracts.decode_report)
        )
        leases = await stack.enter_async_context(
            mirror(connection, subjects.LEASES, contracts.decode_lease)
        )
        running = await stack.enter_async_context(fleet(fresh_nats_server.url))
        end = 0
        for count in SCALES:
            await running.scale(count)
            owners = expected_owners(running.collectors)
            await until(leases, lambda seen: owners.items() <= held(seen).items(), seconds=PATIENCE)  # noqa: B023
            end = max(end, *(last_window(reports.snapshot, ref) for ref in JOBS)) + WINDOWS * STEP
            await until(
                reports,
                lambda seen: all(last_window(seen, ref) >= end for ref in JOBS),  # noqa: B023
                seconds=PATIENCE,
            )

    for one in endpoints.values():
        received = [seen.request for seen in one.seen]
        begin = min(stamps(received[:1])) // STEP * STEP - STEP
        here = points(b"".join(received))
        missing = await held_by(source, Window(begin, end)) - here
        extra = here - await held_by(source, Window(begin, end + 3_600_000))
        assert (len(here) > 0, missing, extra) == (True, Counter(), Counter())
        assert not any(seen.overlapped for seen in one.seen)
        assert unordered(received) == []
    # Instances come and go one by one, so that a shard may move on before it has arrived where it is
    # to be; but one that belongs to the instance that was there all the time never leaves it.
    final = expected_owners([f"c{n}" for n in range(max(SCALES))])
    moved = {key: seen for key, seen in holders.of.items() if seen != ["c0"]}
    assert {key for key, owner in final.items() if owner != "c0"} == moved.keys()
    assert all(seen[0] == seen[-1] == "c0" and final[key] in seen for key, seen in moved.items())
    assert len(moved) > 1


def expected_owners(instances: Iterable[str]) -> dict[str, str]:
    """Return who should hold each shard, by the lease's key."""
    return {
        subjects.collector_lease(shard(ref)): rendezvous.owners(str(shard(ref)), instances)[0]
        for ref in JOBS
    }


def held(leases: Mapping[str, contracts.LeaseHolder]) -> dict[str, str]:
    return {key: one.instance for key, one in leases.items() if key.startswith("collector.")}


def last_window(reports: Mapping[str, contracts.Report], ref: JobRef) -> int:
    """Return up to when the endpoint of a job has everything."""
    return max(
        (
            one.window_end_ms
            for report in reports.values()
            if report.component == "writer" and (report.tenant, report.job) == ref
            for one in report.progress
        ),
        default=0,
    )


async def scraping(prometheus_factory: Factory[Prometheus]) -> Prometheus:
    prometheus = await prometheus_factory(scrape_interval="500ms")
    target = prometheus.url.removeprefix("http://")
    prometheus.scrape_configs.append(
        {"job_name": "self", "static_configs": [{"targets": [target]}]}
    )
    await prometheus.restart()
    return prometheus


async def held_by(prometheus: Prometheus, window: Window) -> Counter[Point]:
    """Return everything that the source holds for the jobs."""
    async with aiohttp.ClientSession(auto_decompress=False) as http:
        puller = Puller(http, timeout=10, max_bytes=1 << 28, per_source=1)
        queries = selection.queries(selection.rule_set((RULE,)), window)
        answer = await puller.read(backend(prometheus.url), queries)
    assert isinstance(answer, Answer)
    found = remote_read.series(answer.data)
    return points(b"".join(answer.data[one.entry : one.end] for one in found))


def series_stamps(request: bytes) -> Iterable[tuple[bytes, list[int]]]:
    """Yield the timestamps of each series of a request, by its labels."""
    for span in remote_write.series(request):
        begin = remote_write.labels_end(request, span.start, span.end)
        found = [stamp for _, stamp in remote_write.timestamps(request, begin, span.end)]
        yield request[span.start : begin], found


def stamps(requests: Iterable[bytes]) -> list[int]:
    return [one for request in requests for _, found in series_stamps(request) for one in found]


def unordered(requests: Iterable[bytes]) -> list[tuple[bytes, int, int]]:
    """Return where a series goes back in time, from one request to the next or within one."""
    last: dict[bytes, int] = {}
    found = []
    for request in requests:
        for labels, times in series_stamps(request):
            for time in times:
                if time <= last.get(labels, 0):
                    found.append((labels, last[labels], time))
                last[labels] = time
    return found
