"""The delivery proof tells equal servers from different ones, with real Prometheus servers."""

import time

import aiohttp
import snappy

from tenantry_cli.demo import delivery
from tenantry_common.proto import remote_pb2
from tenantry_local.prometheus import Prometheus
from tenantry_local.testing import Factory

NOW = int(time.time() * 1000)


async def write(session: aiohttp.ClientSession, server: Prometheus, **values: float) -> None:
    """Store one sample per name, a second ago."""
    request = remote_pb2.WriteRequest(
        timeseries=[
            remote_pb2.TimeSeries(
                labels=[remote_pb2.Label(name="__name__", value=name)],
                samples=[remote_pb2.Sample(timestamp=NOW - 1000, value=value)],
            )
            for name, value in values.items()
        ]
    )
    async with session.post(
        server.remote_write_url,
        data=snappy.compress(request.SerializeToString()),
        headers={"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf"},
    ) as response:
        assert response.status == 204


async def test_a_lost_and_an_extra_sample_are_seen(
    prometheus_factory: Factory[Prometheus],
) -> None:
    source, equal, other = [await prometheus_factory() for _ in range(3)]
    async with aiohttp.ClientSession() as session:
        await write(session, source, a=1.5, b=2.5, forbidden=1)
        await write(session, equal, a=1.5, b=2.5)
        await write(session, other, a=1.5, forbidden=1)
        assert await delivery.wait_until_stored(session, [equal.url], NOW - 1000, 10)
        lines = await delivery.prove(
            session,
            [source.url],
            [equal.url, other.url],
            start_ms=NOW - 5000,
            end_ms=NOW,
            permitted=lambda labels: labels["__name__"] != "forbidden",
            replica_label="replica",
            extra={},
            when="now",
        )

    assert [(line.holds, line.seen) for line in lines] == [
        (True, "2 samples: lost 0, extra 0, different 0, doubled 0"),
        (False, "2 samples: lost 1, extra 1, different 0, doubled 0"),
    ]


async def test_waiting_for_what_never_comes_ends(prometheus_factory: Factory[Prometheus]) -> None:
    server = await prometheus_factory()
    async with aiohttp.ClientSession() as session:
        assert not await delivery.wait_until_stored(session, [server.url], NOW, 0.2)
