"""The wire contract from both sides: each client against each server.

The reference client and server were written from the contract alone. A client of ours that only our
server understands, or the other way round, fails here.
"""

import asyncio
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import msgspec
import pytest
import pytest_asyncio
from tests.push import reference_client
from tests.push.reference_client import Failed, ReferenceClient
from tests.push.reference_server import Point, ReferenceServer, Settings, serving
from tests.push.site import CLUSTER, Site

from tenantry_common import contracts
from tenantry_common.contracts import Authorize, SecretRef
from tenantry_common.proto import metrics_pb2
from tenantry_common.subjects import JobRef, ShardRef
from tenantry_common.testing import ready_bus
from tenantry_common.testing import settings as nats_settings
from tenantry_local.nats_server import NatsServer
from tenantry_local.ports import free_port
from tenantry_local.process import Process
from tenantry_local.prometheus import Prometheus
from tenantry_local.testing import Factory
from writer import testing
from writer.config import Config

pytestmark = pytest.mark.timeout(120)


type Note = Callable[[Process], None]


@dataclass
class Server:
    """A server under test: where it is, what gets in, and what it has."""

    url: str
    credential: str
    stored: Callable[[], Awaitable[list[Point]]]


async def reference() -> AsyncIterator[Server]:
    """The strict server, which takes uploads at any pace and wants one more label on every series."""
    settings = Settings(
        credentials={CLUSTER: "s3cret"}, labels={"env": "t"}, upload_interval_seconds=0
    )
    async with serving(ReferenceServer(settings)) as server:

        async def stored() -> list[Point]:
            return server.points

        yield Server(server.url, "s3cret", stored)


async def ours(site: Site, note: Note) -> Server:
    """A receiver that does the same."""
    await site.publish(labels={"env": "t"})
    receiver = site.receiver()
    note(receiver)
    await receiver.start()
    return Server(site.url, site.credential, site.stored)


@pytest_asyncio.fixture
async def receiver(site: Site, killed_at_end: Note) -> Server:
    return await ours(site, killed_at_end)


@pytest_asyncio.fixture(params=["reference", "receiver"])
async def server(
    request: pytest.FixtureRequest, site: Site, killed_at_end: Note
) -> AsyncIterator[Server]:
    """Each of both."""
    if request.param == "reference":
        async for found in reference():
            yield found
    else:
        yield await ours(site, killed_at_end)


@pytest_asyncio.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def points(families: Sequence[metrics_pb2.MetricFamily]) -> set[Point]:
    """Return what a server must have of uploaded families."""
    found = set()
    for family in families:
        field = {0: "counter", 1: "gauge", 3: "untyped"}[family.type]
        for metric in family.metric:
            labels = {pair.name: pair.value for pair in metric.label}
            labels |= {"__name__": family.name, "_id": CLUSTER, "env": "t"}
            bits = struct.unpack("<Q", struct.pack("<d", getattr(metric, field).value))[0]
            found.add(Point(frozenset(labels.items()), metric.timestamp_ms, bits))
    return found


async def test_the_reference_client_pushes_what_a_real_prometheus_federates(
    server: Server, http: aiohttp.ClientSession, prometheus_factory: Factory[Prometheus]
) -> None:
    port = free_port()
    itself = {"job_name": "self", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
    prometheus = await prometheus_factory(port=port, scrape_configs=[itself], scrape_interval="1s")
    client = ReferenceClient(http, server.url, CLUSTER, server.credential)
    wanted: set[Point] = set()

    async with asyncio.timeout(30):
        while not wanted:
            families = await reference_client.scrape(http, prometheus.url, ['{job="self"}'])
            wanted = points(families)
    await client.push(families)

    assert len(wanted) > 100
    stored = await server.stored()
    assert len(stored) == len(wanted)
    assert set(stored) == wanted


def gauge(name: str, *samples: tuple[dict[str, str], int]) -> metrics_pb2.MetricFamily:
    family = metrics_pb2.MetricFamily(name=name, type=metrics_pb2.GAUGE)
    for labels, stamp in samples:
        metric = family.metric.add(timestamp_ms=stamp)
        metric.gauge.value = 1.0
        for label, value in labels.items():
            metric.label.add(name=label, value=value)
    return family


async def test_a_wrong_credential_gets_no_token(
    server: Server, http: aiohttp.ClientSession
) -> None:
    client = ReferenceClient(http, server.url, CLUSTER, server.credential[:-1] + "!")

    with pytest.raises(Failed) as refused:
        await client.push([gauge("m", ({}, int(time.time() * 1000)))])

    assert refused.value.status == 401
    assert await server.stored() == []


async def test_a_forged_token_gets_nothing_in(server: Server, http: aiohttp.ClientSession) -> None:
    client = ReferenceClient(http, server.url, CLUSTER, server.credential)

    with pytest.raises(Failed) as refused:
        await client.upload(b"", "forged")

    assert refused.value.status == 401


async def test_what_is_too_large_is_refused_and_nothing_of_it_stored(
    server: Server, http: aiohttp.ClientSession
) -> None:
    client = ReferenceClient(http, server.url, CLUSTER, server.credential)
    now = int(time.time() * 1000)
    labels = [{"n": str(n), "pad": "x" * 200} for n in range(3000)]

    with pytest.raises(Failed) as refused:
        await client.push([gauge("m", *((one, now) for one in labels))])

    assert refused.value.status == 413
    assert await server.stored() == []


EDGE = ShardRef(JobRef("edge", "push"), "cluster-eu")
UPSTREAM = SecretRef(name="upstream", key="token")


async def assert_pushed(
    server: Server, endpoint: contracts.Endpoint, nats: NatsServer, folder: Path
) -> None:
    """Run a writer with a few batches; assert that the server has each sample once."""
    secret = folder / EDGE.job.tenant / UPSTREAM.name / UPSTREAM.key
    secret.parent.mkdir(parents=True)
    secret.write_text(server.credential)
    settings = Config(
        nats=nats_settings(nats.url),
        instance="w",
        ack_wait_seconds=5.0,
        request_timeout_seconds=4.0,
        retry_limit_seconds=0.2,
        fault_retry_seconds=0.2,
        secrets_dir=str(folder),
        remote_write_allow=(f"{server.url}/",),
    )
    now = int(time.time() * 1000)
    wanted: set[Point] = set()
    async with ready_bus(nats.url) as connection:
        for step in range(5):
            labels = {"__name__": "m", "step": str(step % 2)}
            at, value = now - 10_000 + step, float(step)
            await testing.publish(connection, EDGE, [testing.series(labels, (at, value))], at)
            bits = struct.unpack("<Q", struct.pack("<d", value))[0]
            stamped = frozenset({**labels, "_id": CLUSTER, "env": "t"}.items())
            wanted.add(Point(stamped, at, bits))
        job = msgspec.structs.replace(testing.job(EDGE.job), endpoints=(endpoint,))
        async with testing.running(settings):
            await testing.put_job(connection, job)
            async with asyncio.timeout(60):
                while not wanted <= set(await server.stored()):  # noqa: ASYNC110 - nobody tells
                    await asyncio.sleep(0.1)

    assert len(await server.stored()) == len(wanted)


async def test_our_writer_uploads(
    server: Server, tmp_path: Path, nats_server_factory: Factory[NatsServer]
) -> None:
    authorize = Authorize(id=CLUSTER, credentials=UPSTREAM, url=f"{server.url}/authorize")
    endpoint = contracts.Endpoint(
        id="up",
        kind="telemeter",
        url=f"{server.url}/upload",
        authorize=authorize,
        upload_interval_ms=1,
    )

    await assert_pushed(server, endpoint, await nats_server_factory(), tmp_path)


@pytest.mark.parametrize(
    ("path", "authorize_path"),
    [
        pytest.param("api/v1/write", "authorize", id="with a token"),
        pytest.param("metrics/v1/receive", "", id="with credential and id together"),
    ],
)
async def test_our_writer_remote_writes(
    receiver: Server,
    tmp_path: Path,
    nats_server_factory: Factory[NatsServer],
    path: str,
    authorize_path: str,
) -> None:
    url = f"{receiver.url}/{authorize_path}" if authorize_path else ""
    endpoint = contracts.Endpoint(
        id="up",
        kind="remote_write",
        url=f"{receiver.url}/{path}",
        authorize=Authorize(id=CLUSTER, credentials=UPSTREAM, url=url),
    )

    await assert_pushed(receiver, endpoint, await nats_server_factory(), tmp_path)
