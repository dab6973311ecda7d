"""What is put together from real shards is what one Prometheus with everything permitted answers."""

import time
from collections.abc import Mapping

import aiohttp
import pytest
from tests.integration.query_gateway.estate import Answer, Estate, ask, running, succeeded
from tests.integration.query_gateway.shards.servers import Labels, sharded, store

from query_gateway import read_chunks
from tenantry_common import remote_read, snappy_block
from tenantry_common.proto import remote_pb2
from tenantry_local.prometheus import Prometheus
from tenantry_local.testing import Factory

PERMITTED = [
    {"__name__": name, "namespace": "shop", "job": job}
    for name in ("up", "errors_total")
    for job in "abcd"
]
OTHERS = [{"__name__": "up", "namespace": "bank", "job": job} for job in "abcd"]


def part(number: int) -> list[Labels]:
    """Return the series of one of two shards: those of every other job, but of `d` by its name."""
    mine = [one for one in (*PERMITTED, *OTHERS) if (one["job"] in "ac") == (number == 0)]
    return list(mine)


async def fetch(
    url: str, headers: Mapping[str, str], parameters: Mapping[str, str]
) -> tuple[str, str]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(url, params=parameters, headers=headers) as response,
    ):
        return response.headers["Content-Type"], await response.text()


def request(streamed: bool, end: int) -> bytes:
    """Ask for two selections, the second of which overlaps the first."""
    asked = remote_pb2.ReadRequest()
    for name in ("up", ".+"):
        query = asked.queries.add()
        query.start_timestamp_ms, query.end_timestamp_ms = (end - 300) * 1000, end * 1000
        query.matchers.add(type=2, name="__name__", value=name)
    if streamed:
        asked.accepted_response_types.append(remote_pb2.ReadRequest.STREAMED_XOR_CHUNKS)
    return snappy_block.compress(asked.SerializeToString())


async def read(url: str, message: bytes, headers: Mapping[str, str]) -> tuple[str, bytes]:
    own = {"Content-Encoding": "snappy", "Content-Type": "application/x-protobuf"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"{url}/api/v1/read",
            data=message,
            headers={**headers, **own, "X-Prometheus-Remote-Read-Version": "0.1.0"},
        ) as response,
    ):
        assert response.status == 200, await response.text()
        return response.headers["Content-Type"], await response.read()


def samples(block: bytes) -> list[list[tuple[object, ...]]]:
    answer = remote_pb2.ReadResponse.FromString(snappy_block.decompress(block, limit=1 << 20))
    return [
        sorted(
            (
                [(label.name, label.value) for label in one.labels],
                [(sample.timestamp, sample.value) for sample in one.samples],
            )
            for one in result.timeseries
        )
        for result in answer.results
    ]


def in_any_order(answer: Answer) -> Answer:
    answer.body["data"] = sorted(answer.body["data"], key=str)
    return answer


async def test_lists_federation_and_remote_read(
    estate: Estate, prometheus_factory: Factory[Prometheus]
) -> None:
    end = int(time.time()) // 15 * 15 - 30
    tenant = {"X-Tenant-Namespace": "shop"}
    whole = await prometheus_factory()
    await store(whole, PERMITTED, end)
    await estate.grant("shop", '{namespace="shop",job="a"}', '{namespace="shop"}')
    parts = [part(0), part(1)]
    async with (
        sharded(estate, prometheus_factory, parts, end, external=False),
        running(estate.gateway()),
    ):
        await estate.until(succeeded, "query", "shop", query="up")

        for path, parameters in (
            ("labels", {}),
            ("label/job/values", {}),
            ("label/__name__/values", {"match[]": '{job="d"}'}),
            ("series", {"match[]": '{job=~"a|d"}'}),
        ):
            through = in_any_order(await estate.ask(path, "shop", **parameters))
            assert through == in_any_order(await ask(f"{whole.url}/api/v1/{path}", {}, parameters))

        for accept in ("text/plain", "application/openmetrics-text;version=1.0.0"):
            chosen = {"match[]": '{__name__=~".+"}'}
            headers = {"Accept": accept}
            through_text = await fetch(f"{estate.url}/federate", {**tenant, **headers}, chosen)
            assert through_text[1].count("job=") == len(PERMITTED)
            kind, text = await fetch(f"{whole.url}/federate", headers, chosen)
            assert (through_text[0], sorted(through_text[1].splitlines())) == (
                kind,
                sorted(text.splitlines()),
            )

        message = request(False, end)
        _, expected = await read(whole.url, message, {})
        _, block = await read(estate.url, message, tenant)
        assert samples(block) == samples(expected)
        assert [len(one) for one in samples(block)] == [4, 8]

        message = request(True, end)
        kind, expected = await read(whole.url, message, {})
        through_kind, chunks = await read(estate.url, message, tenant)
        assert (through_kind, chunks) == (kind, read_chunks.of_shards([expected]))
        assert len(list(remote_read.results(snappy_block.decompress(block, limit=1 << 20)))) == 2


@pytest.mark.parametrize("single", [False, True])
async def test_protobuf_is_federated_of_shards_as_of_one(
    estate: Estate, prometheus_factory: Factory[Prometheus], single: bool
) -> None:
    end = int(time.time()) // 15 * 15 - 30
    await estate.grant("shop", '{namespace="shop"}')
    parts = [PERMITTED] if single else [part(0), part(1)]
    accept = (
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
    )
    async with (
        sharded(estate, prometheus_factory, parts, end, external=False),
        running(estate.gateway()),
        aiohttp.ClientSession() as session,
    ):
        await estate.until(succeeded, "query", "shop", query="up")
        async with session.get(
            f"{estate.url}/federate",
            params={"match[]": '{__name__=~".+"}'},
            headers={"X-Tenant-Namespace": "shop", "Accept": accept},
        ) as response:
            body = await response.read()

    assert response.headers["Content-Type"].startswith("application/vnd.google.protobuf")
    assert [body.count(name) for name in (b"errors_total", b"up", b"shop", b"bank")] == [1, 1, 8, 0]
