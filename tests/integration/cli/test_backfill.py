"""`tenantry backfill` from the command line to the endpoint: real services, real servers."""

import asyncio
import sys
import time
from pathlib import Path

import msgspec
import pytest
import yaml
from typer.testing import CliRunner, Result

from collector.testing import SHARD, backend, job, points, series, store
from tenantry_cli import backfill as backfilling
from tenantry_cli.main import app
from tenantry_common import batches, bus, contracts, kv, remote_write, subjects
from tenantry_common.contracts import Endpoint, Matcher
from tenantry_common.testing import mirror, ready_bus, until
from tenantry_local.nats_server import NatsServer
from tenantry_local.process import Process
from tenantry_local.prometheus import Prometheus
from tenantry_local.testing import Factory
from writer import testing

WANTED = job([(Matcher("__name__", "=", "m"),)], interval_ms=1_000)


async def command(*arguments: str) -> Result:
    return await asyncio.to_thread(lambda: CliRunner().invoke(app, ["backfill", *arguments]))


def service(module: str, folder: Path, more: dict[str, object]) -> Process:
    path = folder / f"{module}.yaml"
    path.write_text(yaml.safe_dump(more))
    return Process(
        module,
        [sys.executable, "-m", module, "--config", path],
        log=folder / f"{module}.log",
    )


async def put(connection: bus.Bus, wanted: contracts.DeliveryJob) -> None:
    key = subjects.job_key(SHARD.job)
    await kv.put(connection, subjects.JOBS, key, contracts.encode(wanted))


@pytest.mark.timeout(120)
async def test_an_endpoint_gets_what_was_before_the_job(
    fresh_nats_server: NatsServer, prometheus_factory: Factory[Prometheus], tmp_path: Path
) -> None:
    source = await prometheus_factory(out_of_order_window="1h")
    open_, strict = await prometheus_factory(out_of_order_window="1h"), await prometheus_factory()
    now = int(time.time() * 1000)
    old = [(now - 1_000 * t, 1_000 + t) for t in range(200, 100, -1)]
    await store(source.url, series({"__name__": "m", "n": "0"}, old))
    nats = {"servers": [fresh_nats_server.url]}
    collector = service(
        "collector", tmp_path, {"nats": nats, "settle_seconds": 0.5, "spread_seconds": 0.0}
    )
    writer = service("writer", tmp_path, {"nats": nats})
    endpoints = tuple(
        Endpoint(id=name, kind="prometheus", url=server.remote_write_url)
        for name, server in (("open", open_), ("strict", strict))
    )
    async with ready_bus(fresh_nats_server.url) as connection:
        source_entry = contracts.encode(backend(source.url))
        await kv.put(connection, subjects.BACKENDS, "a", source_entry)
        await put(connection, msgspec.structs.replace(WANTED, endpoints=endpoints))
        await collector.start()
        await writer.start()
        fresh = [(int(time.time() * 1000) + 4_000, 7)]
        await store(source.url, series({"__name__": "m", "n": "0"}, fresh))
        async with mirror(connection, subjects.REPORTS, contracts.decode_report) as reports:
            await until(
                reports,
                lambda found: (
                    [
                        one.samples
                        for report in found.values()
                        if report.component == "writer"
                        for one in report.progress
                    ]
                    == [1, 1]
                ),
                seconds=30,
            )
        to_open = await command(
            "shop/main", "--since", "10m", "--endpoint", "open", "--nats", fresh_nats_server.url
        )
        to_strict = await command(
            "shop/main", "--since", "10m", "--endpoint", "1", "--nats", fresh_nats_server.url
        )
        await collector.terminate()
        await writer.terminate()

    span = (now - 600_000, now + 60_000)
    everything = points(series({"__name__": "m", "n": "0"}, old + fresh))
    assert (to_open.exit_code, "101 samples" in to_open.output) == (0, True)
    assert points(await request(open_, *span)) == everything
    assert (to_strict.exit_code, "refused" in to_strict.output) == (1, True)
    assert points(await request(strict, *span)) == points(
        series({"__name__": "m", "n": "0"}, fresh)
    )


async def request(prometheus: Prometheus, start_ms: int, end_ms: int) -> bytes:
    """Return what a Prometheus holds, as a request."""
    found = await testing.read_back(prometheus.url, start_ms, end_ms)
    return b"".join(remote_write.time_series(labels, samples) for labels, samples in found.items())


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        pytest.param(("shop", "--since", "1h"), "'shop' is not NAMESPACE/NAME", id="no job's name"),
        pytest.param(("shop/x", "--since", "1h"), "there is no job shop/x", id="an unknown job"),
        pytest.param(("shop/main", "--since", "soon"), "say how long", id="no duration"),
        pytest.param(("shop/main", "--since", "-1h"), "say how long", id="a negative one"),
        pytest.param(
            ("shop/main", "--since", "1h", "--endpoint", "9"), "no endpoint '9'", id="no endpoint"
        ),
        pytest.param(
            ("shop/main", "--since", "1h"), "nothing of it has been published", id="nothing"
        ),
    ],
)
async def test_what_cannot_be_asked_for_is_said(
    fresh_nats_server: NatsServer, arguments: tuple[str, ...], complaint: str
) -> None:
    async with ready_bus(fresh_nats_server.url) as connection:
        endpoint = Endpoint(id="0", kind="prometheus", url="http://p")
        await put(connection, msgspec.structs.replace(WANTED, endpoints=(endpoint,)))
    result = await command(*arguments, "--nats", fresh_nats_server.url)

    assert (result.exit_code, complaint in " ".join(result.output.split())) == (2, True)


@pytest.mark.parametrize(
    ("settled", "end"),
    [
        pytest.param(0, 10_000, id="a new endpoint gets all that is on the stream"),
        pytest.param(2, 30_000, id="an endpoint that lags"),
        pytest.param(3, 40_000, id="an endpoint that has everything"),
    ],
)
async def test_a_span_ends_where_the_endpoint_stands(
    fresh_nats_server: NatsServer, settled: int, end: int
) -> None:
    async with ready_bus(fresh_nats_server.url) as connection:
        endpoint = Endpoint(id="0", kind="prometheus", url="http://p")
        await put(connection, msgspec.structs.replace(WANTED, endpoints=(endpoint,)))
        for window in (1, 2, 3):
            sample = testing.series({"__name__": "m"}, (window, 1.0))
            await testing.publish(connection, SHARD, [sample], 10_000 * (window + 1))
        if settled:
            pull = await batches.OrderedPull.open(
                connection,
                name=subjects.writer_consumer(SHARD, "0"),
                subject=subjects.samples(SHARD),
                ack_wait=30,
                idle=60,
            )
            for _ in range(settled):
                delivery = await pull.next(5)
                assert delivery is not None
                await delivery.ack()
        [asked] = await backfilling.ask(connection, SHARD.job, None, 50_000, 50_001)

    assert (asked.start_ms, asked.end_ms, asked.by_hand) == (1, end, True)
