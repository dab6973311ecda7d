"""A whole writer between a real nats-server and real Prometheus servers."""

import asyncio
import contextlib
import struct
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest
import yaml
from aiohttp import web

from tenantry_common import (
    batches,
    bus,
    contracts,
    kv,
    remote_write,
    snappy_block,
    subjects,
)
from tenantry_common.subjects import JobRef, ShardRef
from tenantry_common.testing import mirror, until
from tenantry_local.nats_server import NatsServer
from tenantry_local.process import Process
from tenantry_local.prometheus import Prometheus, major_version
from tenantry_local.testing import Factory
from writer import testing
from writer.config import Config

JOB = JobRef("team-a", "all.metrics")
SHARD = ShardRef(JOB, "cluster-eu")
STEP = 10_000
STALE = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
VALUES = (1 / 3, float("inf"), float("-inf"), 5e-324, -1e300, STALE, float("nan"), 42.0)


class Load:
    """Batches of three samples for each of some series, in windows that end before now."""

    def __init__(self, windows: int, series: int = 20) -> None:
        now = int(time.time() * 1000)
        self.start = now - windows * STEP
        self.ends = [self.start + (n + 1) * STEP for n in range(windows)]
        self.requests = [self._window(end, series) for end in self.ends]
        self.published = 0

    @staticmethod
    def _window(end: int, series: int) -> bytes:
        stamps = (end - 6000, end - 3000, end)
        return remote_write.join(
            testing.series(
                {"__name__": "m", "series": f"{n:03}"},
                *((stamp, VALUES[(n + k) % len(VALUES)]) for k, stamp in enumerate(stamps)),
            )
            for n in range(series)
        )

    @property
    def expected(self) -> dict[bytes, bytes]:
        """What an endpoint holds when it has all of it."""
        return testing.by_series(self.requests)

    async def publish(
        self, connection: bus.Bus, shard: ShardRef = SHARD, *, windows: int | None = None
    ) -> None:
        """Publish these many windows, or all, behind those that were before."""
        until = self.published + windows if windows else len(self.ends)
        for number in range(self.published if windows else 0, until):
            await testing.publish(connection, shard, [self.requests[number]], self.ends[number])
        self.published = until

    async def stored(self, prometheus: Prometheus) -> dict[bytes, bytes]:
        return await testing.read_back(prometheus.url, self.start - STEP, self.ends[-1] + STEP)


def progress(
    reports: Mapping[str, contracts.Report], job: JobRef = JOB
) -> dict[str, contracts.Progress]:
    """Progress by endpoint, of one job of one shard; the newest of all instances."""
    found: dict[str, contracts.Progress] = {}
    for report in reports.values():
        if (report.tenant, report.job) == job:
            for one in report.progress:
                if one.window_end_ms >= found.get(one.endpoint, one).window_end_ms:
                    found[one.endpoint] = one
    return found


async def arrived(
    connection: bus.Bus, load: Load, *endpoints: str, job: JobRef = JOB, window: int = 0
) -> None:
    """Wait until reports say that these endpoints have a window, counted from 1; 0: the last one."""
    async with mirror(connection, subjects.REPORTS, contracts.decode_report) as reports:
        await until(
            reports,
            lambda found: all(
                name in progress(found, job)
                and progress(found, job)[name].window_end_ms == load.ends[window - 1]
                for name in endpoints
            ),
            seconds=30,
        )


async def rejects(connection: bus.Bus) -> batches.Stored | None:
    return await batches.last(connection, subjects.REJECTS, subjects.rejects(JOB))


async def test_batches_arrive_at_every_endpoint_bit_for_bit(
    connection: bus.Bus, settings: Config, prometheus_factory: Factory[Prometheus]
) -> None:
    plain = await prometheus_factory()
    with_window = await prometheus_factory(out_of_order_window="30m")
    load = Load(windows=5)
    await testing.put_job(
        connection, testing.job(JOB, plain.remote_write_url, with_window.remote_write_url)
    )

    async with testing.running(settings):
        await load.publish(connection)
        await arrived(connection, load, "0", "1")

    assert await load.stored(plain) == load.expected
    assert await load.stored(with_window) == load.expected
    assert await rejects(connection) is None


async def test_the_report_says_how_far_delivery_has_come(
    connection: bus.Bus, settings: Config
) -> None:
    load = Load(windows=3, series=5)
    async with testing.endpoint() as endpoint, testing.running(settings):
        await testing.put_job(connection, testing.job(JOB, endpoint.url, "http://127.0.0.1:1/"))
        await load.publish(connection)
        async with mirror(connection, subjects.REPORTS, contracts.decode_report) as reports:
            await until(
                reports,
                lambda found: (
                    progress(found).get("0", none()).batches == 3
                    and progress(found)["1"].retries > 0
                    and progress(found)["1"].pending == 3
                ),
            )
            found = progress(reports.snapshot)

    assert found["0"] == contracts.Progress(
        shard="cluster-eu",
        endpoint="0",
        window_end_ms=load.ends[-1],
        samples=3 * 5 * 3,
        batches=3,
    )
    assert found["1"].last_error == "cannot connect: Connection refused"


def none() -> contracts.Progress:
    return contracts.Progress(shard="")


@pytest.mark.parametrize("window", ["0s", "30m"])
async def test_a_writer_killed_between_the_answer_and_the_acknowledgement_changes_nothing(
    connection: bus.Bus,
    settings: Config,
    prometheus_factory: Factory[Prometheus],
    tmp_path: Path,
    window: str,
) -> None:
    prometheus = await prometheus_factory(out_of_order_window=window)
    load = Load(windows=4)
    writer = writer_process(settings, tmp_path)
    stored = testing.forward(prometheus.remote_write_url)
    killed = asyncio.Event()

    async def store_and_kill(request: bytes) -> web.Response:
        answer = await stored(request)
        if request == load.requests[1] and not killed.is_set():
            await writer.kill()
            killed.set()
        return answer

    async with testing.endpoint(store_and_kill) as endpoint:
        await testing.put_job(connection, testing.job(JOB, endpoint.url))
        await load.publish(connection)
        await writer.start()
        await asyncio.wait_for(killed.wait(), 20)
        await writer.start()
        await arrived(connection, load, "0")
        assert await writer.terminate() == 0

    whole = [seen.request for seen in endpoint.seen if seen.request in load.requests]
    assert whole == [load.requests[n] for n in (0, 1, 1, 2, 3)]
    assert await load.stored(prometheus) == load.expected
    assert await rejects(connection) is None


def writer_process(settings: Config, folder: Path) -> Process:
    """A writer as a process of its own, with these settings."""
    config = folder / "writer.yaml"
    config.write_text(yaml.safe_dump(msgspec.to_builtins(settings)))
    return Process(
        "writer",
        [sys.executable, "-m", "writer", "--config", config],
        log=folder / "writer.log",
    )


async def test_an_endpoint_that_was_away_gets_everything_in_order_and_holds_up_nobody(
    connection: bus.Bus, settings: Config, prometheus_factory: Factory[Prometheus]
) -> None:
    away, there = await prometheus_factory(), await prometheus_factory()
    await away.kill()
    load = Load(windows=5)
    await testing.put_job(
        connection, testing.job(JOB, away.remote_write_url, there.remote_write_url)
    )

    async with testing.running(settings):
        await load.publish(connection)
        await arrived(connection, load, "1")
        assert await load.stored(there) == load.expected
        await away.start()
        await arrived(connection, load, "0")

    assert await load.stored(away) == load.expected
    assert await rejects(connection) is None


async def test_a_cursor_that_nats_has_forgotten_rejects_nothing_and_goes_on(
    connection: bus.Bus, settings: Config, prometheus_factory: Factory[Prometheus]
) -> None:
    prometheus = await prometheus_factory()
    load = Load(windows=8)
    await testing.put_job(connection, testing.job(JOB, prometheus.remote_write_url))
    async with testing.running(settings):
        await load.publish(connection, windows=4)
        await arrived(connection, load, "0", window=4)
    await connection.js.delete_consumer(subjects.SAMPLES, subjects.writer_consumer(SHARD, "0"))
    async with testing.running(settings) as process:
        await load.publish(connection, windows=4)
        await arrived(connection, load, "0")
        counted = {
            name: process.registry.get_sample_value(
                f"tenantry_writer_{name}_total",
                {"tenant": JOB.tenant, "job": JOB.name, "endpoint": "0"},
            )
            for name in ("batches", "already_stored_series")
        }

    assert counted == {"batches": 8, "already_stored_series": 4 * 20}
    assert await load.stored(prometheus) == load.expected
    assert await rejects(connection) is None


@pytest.mark.parametrize(
    ("window", "labels", "reason"),
    [
        pytest.param("0s", {"__name__": "ahead"}, "400 out of order sample", id="out of order"),
        pytest.param("30m", {"z": ""}, "500 empty labelset: invalid sample", id="answered 500"),
    ],
)
async def test_one_bad_series_is_rejected_and_the_others_are_stored(
    connection: bus.Bus,
    settings: Config,
    prometheus_factory: Factory[Prometheus],
    window: str,
    labels: dict[str, str],
    reason: str,
) -> None:
    prometheus = await prometheus_factory(out_of_order_window=window)
    load = Load(windows=2)
    ahead = testing.series({"__name__": "ahead"}, (load.ends[-1] + 1, 1.0))
    await testing.forward(prometheus.remote_write_url)(ahead)
    bad = testing.series(labels, (load.ends[0] - 1, 1.0), (load.ends[0], 2.0))
    load.requests[0] += bad
    await testing.put_job(connection, testing.job(JOB, prometheus.remote_write_url))

    async with testing.running(settings):
        await load.publish(connection)
        await arrived(connection, load, "0")

    expected = load.expected | testing.by_series([ahead])
    if bad_labels := remote_write.encode_labels(labels):
        expected[bad_labels] = testing.by_series([ahead])[bad_labels]
    else:
        del expected[b""]
    kept = await rejects(connection)
    assert await load.stored(prometheus) == expected
    if not bad_labels and major_version() >= 3:  # it leaves out what has no name, and says 204
        assert kept is None
        return
    assert kept is not None
    assert snappy_block.decompress(kept.data, limit=1000) == bad
    assert {name: kept.headers[name] for name in kept.headers if name.startswith("Tenantry-")} == {
        "Tenantry-Window": f"{load.ends[0] - STEP}-{load.ends[0]}",
        "Tenantry-Series": "1",
        "Tenantry-Schema": "1",
        "Tenantry-Reason": reason,
        "Tenantry-Endpoint": "0",
    }


async def test_delivery_stops_within_a_second_when_the_job_goes(
    connection: bus.Bus, settings: Config
) -> None:
    load = Load(windows=3, series=1)
    other = JobRef("team-b", "x")
    asked = asyncio.Event()

    async def refuse(_: bytes) -> web.Response:
        asked.set()
        return web.Response(status=503)

    async with (
        testing.endpoint(refuse) as endpoint,
        testing.endpoint() as witness,
        testing.running(settings),
    ):
        await testing.put_job(connection, testing.job(JOB, endpoint.url))
        await testing.put_job(connection, testing.job(other, witness.url))
        await load.publish(connection)
        await asyncio.wait_for(asked.wait(), 10)
        deleted = time.monotonic()
        await kv.delete(connection, subjects.JOBS, subjects.job_key(JOB))
        async with mirror(connection, subjects.REPORTS, contracts.decode_report) as reports:
            await until(reports, lambda found: not progress(found))
        endpoint.answer = testing.accept
        await load.publish(connection)
        await load.publish(connection, ShardRef(other, "cluster-eu"))
        await arrived(connection, load, "0", job=other)

    assert endpoint.seen[-1].at - deleted < 1


async def test_a_corrected_target_is_delivered_to_at_once(
    connection: bus.Bus, settings: Config
) -> None:
    load = Load(windows=3, series=1)
    settings = msgspec.structs.replace(settings, fault_retry_seconds=60.0)
    async with testing.endpoint() as endpoint, testing.running(settings):
        wrong = testing.job(JOB, endpoint.url.replace("write", "wrong"))
        await testing.put_job(connection, wrong)
        await load.publish(connection)
        async with mirror(connection, subjects.REPORTS, contracts.decode_report) as reports:
            await until(
                reports,
                lambda found: progress(found).get("0", none()).last_error == "404 404: Not Found",
            )
        await testing.put_job(connection, testing.job(JOB, endpoint.url))
        await arrived(connection, load, "0")

    assert [seen.request for seen in endpoint.seen] == load.requests


async def test_a_target_that_is_not_allowed_is_reported_and_never_asked(
    connection: bus.Bus, settings: Config
) -> None:
    load = Load(windows=1, series=1)
    async with testing.endpoint() as endpoint, testing.running(settings):
        wanted = testing.job(JOB, endpoint.url)
        outside = contracts.Endpoint(id="9", kind="remote_write", url=endpoint.url)
        await testing.put_job(
            connection, msgspec.structs.replace(wanted, endpoints=(*wanted.endpoints, outside))
        )
        await load.publish(connection)
        await arrived(connection, load, "0")
        async with mirror(connection, subjects.REPORTS, contracts.decode_report) as reports:
            found = progress(await until(reports, lambda found: "9" in progress(found)))

    assert found["9"].last_error == (
        "the platform does not allow targets at 127.0.0.1 (remote_write_allow)"
    )
    assert len(endpoint.seen) == 1


async def test_a_writer_that_stops_gives_its_batch_back_at_once(
    connection: bus.Bus, settings: Config
) -> None:
    load = Load(windows=1, series=1)
    asked = asyncio.Event()

    async def refuse(_: bytes) -> web.Response:
        asked.set()
        return web.Response(status=503)

    settings = msgspec.structs.replace(settings, ack_wait_seconds=600.0, retry_limit_seconds=60.0)
    async with testing.endpoint(refuse) as endpoint:
        await testing.put_job(connection, testing.job(JOB, endpoint.url))
        await load.publish(connection)
        async with testing.running(settings):
            await asyncio.wait_for(asked.wait(), 10)
        endpoint.answer = testing.accept
        async with testing.running(settings):
            await arrived(connection, load, "0")

    assert {seen.request for seen in endpoint.seen} == {load.requests[0]}


@pytest.mark.parametrize("status", [204, 503])
async def test_a_writer_stops_at_once_though_nats_is_away(
    connection: bus.Bus, settings: Config, fresh_nats_server: NatsServer, status: int
) -> None:
    """Less than one request to NATS is waited for, with a batch in hand or without."""
    load = Load(windows=1, series=1)

    async def answer(_: bytes) -> web.Response:
        return web.Response(status=status)

    settings = msgspec.structs.replace(settings, ack_wait_seconds=600.0)
    async with testing.endpoint(answer) as endpoint:
        await testing.put_job(connection, testing.job(JOB, endpoint.url))
        await load.publish(connection)
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(testing.running(settings))
            async with mirror(connection, subjects.REPORTS, contracts.decode_report) as reports:
                await until(reports, lambda found: "0" in progress(found))
            await fresh_nats_server.kill()
            async with asyncio.timeout(4):
                await stack.aclose()


async def test_auto_delivers_everything_to_a_prometheus_that_takes_2_0_for_empty_1_0(
    connection: bus.Bus, settings: Config, prometheus_factory: Factory[Prometheus]
) -> None:
    """Prometheus 2.42 answers 204 to a request of 2.0 and stores nothing of it."""
    prometheus = await prometheus_factory()
    load = Load(windows=3)
    job = testing.job(JOB, prometheus.remote_write_url)
    await testing.put_job(connection, msgspec.structs.replace(job, protocol="auto"))

    async with testing.running(settings):
        await load.publish(connection)
        await arrived(connection, load, "0")

    assert await load.stored(prometheus) == load.expected
    assert await rejects(connection) is None


async def test_two_endpoints_get_2_0_of_what_is_sent_to_a_third_as_1_0(
    connection: bus.Bus, settings: Config
) -> None:
    load = Load(windows=3)
    async with (
        testing.endpoint(testing.accept_v2) as one,
        testing.endpoint(testing.accept_v2) as two,
        testing.endpoint() as old,
        testing.running(settings),
    ):
        job = testing.job(JOB, one.url, two.url, old.url)
        await testing.put_job(connection, msgspec.structs.replace(job, protocol="auto"))
        await load.publish(connection)
        await arrived(connection, load, "0", "1", "2")

    requests = [[seen.request for seen in target.seen] for target in (one, two, old)]
    assert requests[:2] == [load.requests] * 2
    assert requests[2] == [load.requests[0], *load.requests]  # the first try was 2.0


async def test_a_listed_name_that_leads_inside_is_not_connected_to(
    connection: bus.Bus, settings: Config
) -> None:
    async with testing.endpoint() as endpoint:
        url = endpoint.url.replace("127.0.0.1", "localhost")
        target = contracts.Endpoint(id="out", kind="remote_write", url=url)
        await testing.put_job(
            connection, msgspec.structs.replace(testing.job(JOB), endpoints=(target,))
        )
        allowed = msgspec.structs.replace(settings, remote_write_allow=(url,))
        load = Load(windows=1)
        await load.publish(connection)

        reason = "localhost is at an address that the platform does not allow"
        async with (
            testing.running(allowed),
            mirror(connection, subjects.REPORTS, contracts.decode_report) as reports,
        ):
            await until(
                reports, lambda found: reason in progress(found).get("out", none()).last_error
            )
        assert endpoint.seen == []

        networks = ("127.0.0.0/8", "::1/128")
        opened = msgspec.structs.replace(allowed, remote_write_allow_networks=networks)
        async with testing.running(opened):
            await arrived(connection, load, "out")
        assert [seen.request for seen in endpoint.seen] == load.requests
