"""A whole receiver, from what clusters send to what stands on the streams and at an endpoint."""

import sys

import yaml
from tests.integration.receiver.conftest import Site

from receiver import testing
from tenantry_common import batches, contracts, remote_write, snappy_block, subjects
from tenantry_common.contracts import Matcher, PushPolicy
from tenantry_common.subjects import ShardRef
from tenantry_local.ports import free_port
from tenantry_local.process import Process
from tenantry_local.prometheus import Prometheus
from tenantry_local.testing import Factory

SHARD = ShardRef(testing.JOB, subjects.push_shard("cluster-a"))


async def stored(site: Site, stream: str, subject: str) -> list[tuple[dict[str, str], bytes]]:
    """Return the series of the last message of a subject."""
    message = await batches.last(site.bus, stream, subject)
    if message is None:
        return []
    request = snappy_block.decompress(message.data, limit=1 << 24)
    return [
        (remote_write.series_labels(request, span), request[span.entry : span.end])
        for span in remote_write.series(request)
    ]


async def test_an_upload_is_on_both_streams_when_it_is_answered(site: Site, now_ms: int) -> None:
    await site.start()
    await site.publish(testing.job(PushPolicy(sources=("*",), labels={"fleet": "eu"})))

    answer = await site.upload(
        testing.family("up", [({"_id": "cluster-a", "job": "x"}, 1.0, now_ms)], "GAUGE")
    )

    labels = {"__name__": "up", "_id": "cluster-a", "fleet": "eu", "job": "x"}
    assert answer.status == 200
    for stream, subject in (
        (subjects.SAMPLES, subjects.samples(SHARD)),
        (subjects.LATEST, subjects.latest(testing.JOB, "cluster-a")),
    ):
        assert [found for found, _ in await stored(site, stream, subject)] == [labels]


async def test_a_real_writer_delivers_what_was_pushed(
    site: Site, now_ms: int, prometheus_factory: Factory[Prometheus]
) -> None:
    prometheus = await prometheus_factory()
    endpoint = contracts.Endpoint(id="p", kind="prometheus", url=prometheus.remote_write_url)
    await site.start()
    await site.publish(testing.job(endpoints=(endpoint,)))
    config = site.folder / "writer.yaml"
    config.write_text(yaml.safe_dump({"nats": {"servers": [site.nats.url]}, "instance": "w"}))
    writer = Process(
        "writer", [sys.executable, "-m", "writer", "--config", config], log=site.folder / "w.log"
    )
    writer.spawn()
    site.receivers.append(writer)

    for step in range(3):
        body = testing.family("up", [({"_id": "cluster-a"}, step / 3, now_ms + step)])
        assert (await site.upload(body)).status == 200

    query = {"query": 'up{_id="cluster-a"}[1m]', "time": str((now_ms + 10) / 1000)}

    async def delivered() -> bool:
        async with site.session.get(f"{prometheus.url}/api/v1/query", params=query) as answer:
            found = (await answer.json())["data"]["result"]
        return bool(found) and [float(value) for _, value in found[0]["values"]] == [
            0.0,
            1 / 3,
            2 / 3,
        ]

    await site.until(delivered, 30)


async def test_a_real_prometheus_pushes_by_remote_write(
    site: Site, prometheus_factory: Factory[Prometheus]
) -> None:
    url = await site.start()
    rules = ((Matcher("__name__", "=", "up"),),)
    await site.publish(testing.job(rules=rules))
    port = free_port()
    writing = {
        "url": f"{url}/api/v1/write",
        "authorization": {"credentials": site.issuer.token("cluster-a")},
    }
    await prometheus_factory(
        port=port,
        scrape_interval="1s",
        scrape_configs=[
            {"job_name": "self", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
        ],
        settings={"remote_write": [writing]},
    )

    async def pushed() -> bool:
        return bool(await stored(site, subjects.SAMPLES, subjects.samples(SHARD)))

    await site.until(pushed, 40)
    ((labels, _),) = await stored(site, subjects.SAMPLES, subjects.samples(SHARD))
    assert labels == {
        "__name__": "up",
        "_id": "cluster-a",
        "instance": f"127.0.0.1:{port}",
        "job": "self",
    }
