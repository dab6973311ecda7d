"""A whole writer that uploads to a strict telemeter server, in whatever state that is."""

import asyncio
import struct
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest
from aiohttp import web
from tests.push.reference_server import Point, ReferenceServer, Settings, serving

from tenantry_common import batches, bus, contracts, subjects
from tenantry_common.contracts import Authorize, SecretRef
from tenantry_common.subjects import JobRef, ShardRef
from tenantry_common.testing import mirror, until
from tenantry_local.ports import free_port
from writer import testing
from writer.config import Config

JOB = JobRef("edge", "all")
SHARD = ShardRef(JOB, "cluster-eu")
OTHER = ShardRef(JOB, "cluster-us")
CREDENTIAL = SecretRef(name="upstream", key="token")
CLUSTER = "0b7c"

pytestmark = pytest.mark.timeout(120)


def strict(**fields: object) -> ReferenceServer:
    """Return a server that takes uploads at any pace, unless `fields` of its settings say else."""
    plain = {"credentials": {CLUSTER: "s3cret"}, "upload_interval_seconds": 0, **fields}
    return ReferenceServer(Settings(**plain))  # type: ignore[arg-type]  # a table of fields


@pytest.fixture
def at_edge(settings: Config, tmp_path: Path) -> Config:
    """Settings of a writer that knows the credential."""
    secret = tmp_path / JOB.tenant / CREDENTIAL.name / CREDENTIAL.key
    secret.parent.mkdir(parents=True)
    secret.write_text("s3cret\n")
    return msgspec.structs.replace(settings, secrets_dir=str(tmp_path))


def allowing(settings: Config, url: str) -> Config:
    """Return settings of a writer that may upload there."""
    return msgspec.structs.replace(settings, remote_write_allow=(url,))


def job(url: str, **fields: object) -> contracts.DeliveryJob:
    """Return a job that uploads to the server at `url`; `fields` are more of its endpoint."""
    endpoint = contracts.Endpoint(
        id="upstream",
        kind="telemeter",
        url=f"{url}/upload",
        authorize=Authorize(id=CLUSTER, credentials=CREDENTIAL, url=f"{url}/authorize"),
        upload_interval_ms=1,
    )
    changed = msgspec.structs.replace(endpoint, **fields)
    return msgspec.structs.replace(testing.job(JOB), endpoints=(changed,))


class Source:
    """Batches as a collector would publish them, and what the server must hold of them."""

    def __init__(self, connection: bus.Bus, *, start_ms: int | None = None) -> None:
        self.expected: set[Point] = set()
        self._bus = connection
        self._at = int(time.time() * 1000) - 600_000 if start_ms is None else start_ms

    async def publish(
        self, count: int = 1, *, shard: ShardRef = SHARD, series: int = 3, padding: int = 0
    ) -> None:
        """Publish `count` batches of some series with two samples each."""
        for _ in range(count):
            requests = []
            for number in range(series):
                labels = {"__name__": "m", "n": str(number), "shard": shard.shard}
                if padding:
                    labels["pad"] = "x" * padding
                samples = [(self._at + 1000, 0.0), (self._at + 2000, float(self._at + number))]
                requests.append(testing.series(labels, *samples))
                stamped = frozenset({**labels, "_id": CLUSTER}.items())
                self.expected |= {Point(stamped, at, _bits(value)) for at, value in samples}
            self._at += 2000
            await testing.publish(self._bus, shard, requests, self._at)


def _bits(value: float) -> int:
    return int(struct.unpack("<Q", struct.pack("<d", value))[0])


async def arrived(server: ReferenceServer, source: Source) -> None:
    """Wait until the server has everything, then assert that it has it once and in order."""
    async with asyncio.timeout(60):
        while not source.expected <= set(server.points):  # noqa: ASYNC110 - a list tells nobody
            await asyncio.sleep(0.02)
    assert len(server.points) == len(source.expected)
    assert set(server.points) == source.expected
    for labels in {point.labels for point in server.points}:
        stamps = [point.timestamp_ms for point in server.points if point.labels == labels]
        assert stamps == sorted(stamps)


async def test_uploads_hold_the_samples_bit_for_bit(connection: bus.Bus, at_edge: Config) -> None:
    source = Source(connection)
    async with serving(strict()) as server:
        await source.publish(2)
        await source.publish(2, shard=OTHER)
        async with testing.running(allowing(at_edge, server.url)):
            await testing.put_job(connection, job(server.url))
            await arrived(server, source)
            await source.publish(1)
            await arrived(server, source)

    assert server.statuses.keys() == {200}
    assert server.authorised == 1


async def test_a_backlog_goes_together_up_to_the_size(connection: bus.Bus, at_edge: Config) -> None:
    source = Source(connection)
    server, port = strict(), free_port()
    url = f"http://127.0.0.1:{port}"
    await testing.put_job(connection, job(url, upload_bytes=6_000))
    async with testing.running(allowing(at_edge, url)):
        await source.publish(20)
        await source.publish(20, shard=OTHER)
        async with serving(server, port):
            await arrived(server, source)

    assert max(server.sizes) <= 6_000
    assert len(server.sizes) <= 8  # of forty batches
    assert server.statuses.keys() == {200}


async def test_a_server_that_takes_less_than_was_said_gets_less(
    connection: bus.Bus, at_edge: Config
) -> None:
    source = Source(connection)
    async with serving(strict(limit_bytes=40_000)) as server:
        await source.publish(1, series=400, padding=200)
        async with testing.running(allowing(at_edge, server.url)):
            await testing.put_job(connection, job(server.url))
            await arrived(server, source)

    assert server.statuses[413] >= 1
    assert max(server.sizes) > 20_000


async def test_a_token_that_is_not_accepted_any_more_is_got_anew(
    connection: bus.Bus, at_edge: Config
) -> None:
    source = Source(connection)
    async with serving(strict()) as server, testing.running(allowing(at_edge, server.url)):
        await testing.put_job(connection, job(server.url))
        await source.publish()
        await arrived(server, source)
        server.revoke_tokens()
        await source.publish()
        await arrived(server, source)

    assert server.statuses[401] == 1
    assert server.authorised == 2


@pytest.mark.parametrize("status", [201, 204, 429, 500, 503, 404, 302])
async def test_what_is_not_200_is_sent_again(
    connection: bus.Bus, at_edge: Config, status: int
) -> None:
    source = Source(connection)
    async with serving(strict()) as server, testing.running(allowing(at_edge, server.url)):
        server.answers = [web.Response(status=status) for _ in range(3)]
        await testing.put_job(connection, job(server.url))
        await source.publish(2)
        await arrived(server, source)

    assert server.statuses[status] == 3


async def test_the_pace_of_the_server_is_kept_and_nothing_is_lost(
    connection: bus.Bus, at_edge: Config
) -> None:
    source = Source(connection)
    pace = strict(upload_interval_seconds=0.5, retry_after="1")
    async with serving(pace) as server, testing.running(allowing(at_edge, server.url)):
        await testing.put_job(connection, job(server.url, upload_bytes=1_000))
        await source.publish(10)
        await arrived(server, source)

    assert server.statuses[429] > 0


async def test_uploads_are_no_more_often_than_said(connection: bus.Bus, at_edge: Config) -> None:
    source = Source(connection)
    pace = strict(upload_interval_seconds=0.5)
    async with serving(pace) as server, testing.running(allowing(at_edge, server.url)):
        await testing.put_job(
            connection, job(server.url, upload_bytes=1_000, upload_interval_ms=600)
        )
        await source.publish(10)
        await arrived(server, source)

    assert server.statuses.keys() == {200}


async def test_samples_go_one_by_one_where_they_cannot_go_together(
    connection: bus.Bus, at_edge: Config
) -> None:
    source = Source(connection)
    one_each = strict(one_each=True)
    await source.publish(3)
    async with serving(one_each) as server, testing.running(allowing(at_edge, server.url)):
        await testing.put_job(connection, job(server.url))
        await arrived(server, source)

    assert server.statuses == {409: 1, 200: 6}


async def test_what_the_server_would_refuse_is_left_out_and_told(
    connection: bus.Bus, at_edge: Config
) -> None:
    now = int(time.time() * 1000)
    good, old = (now - 5000, 1.0), (now - 90_000_000, 2.0)
    refused: Iterable[bytes] = (
        testing.series({"__name__": "long", "l": "x" * 256}, good),
        testing.series({"l": "no name"}, good),
        testing.series({"__name__": "clash", "_id": "another"}, good),
        testing.series({"__name__": "old"}, old),
    )
    taken = (
        testing.series({"__name__": "clash", "_id": CLUSTER}, good),
        testing.series({"__name__": "partly"}, old, good),
    )
    async with (
        serving(strict()) as server,
        testing.running(allowing(at_edge, server.url)),
        mirror(connection, subjects.REPORTS, contracts.decode_report) as reports,
    ):
        await testing.publish(connection, SHARD, [*taken, *refused], now)
        await testing.put_job(connection, job(server.url))
        found = await until(
            reports,
            lambda found: any(
                one.window_end_ms for report in found.values() for one in report.progress
            ),
            seconds=30,
        )
        [progress] = [one for report in found.values() for one in report.progress]
        rejects = await batches.subjects_of(connection, subjects.REJECTS, subjects.rejects(JOB))

    assert {name for point in server.points for key, name in point.labels if key == "__name__"} == {
        "clash",
        "partly",
    }
    assert len(server.points) == 2
    assert progress.rejected == 5
    assert rejects == {subjects.rejects(JOB)}
    assert server.statuses.keys() == {200}
