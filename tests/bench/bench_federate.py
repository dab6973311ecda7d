"""What a scrape of `/federate` costs with thousands of clusters: `make bench-federate`.

5,000 sources of 232 series, as many as telemeter is meant for; through HTTP on loopback, beside
what copying the same bytes over the same socket costs. The stream is left out: what it brings is
applied directly.
"""

import argparse
import asyncio
import hashlib
import resource
import time
from typing import Literal

import aiohttp
from aiohttp import web

from receiver.federate import mirror as mirrors
from receiver.federate.handler import Handler
from receiver.federate.newest import Newest
from receiver.federate.testing import block, metric
from tenantry_common import subjects
from tenantry_common.subjects import JobRef
from tenantry_local.ports import LOOPBACK, free_port

JOB = JobRef("team", "edge")
TYPES = {f"cluster_metric_{number}_total": "counter" for number in range(60)}


class Filled(mirrors.Mirror):
    """A mirror that was filled by hand."""

    def __init__(self, newest: Newest) -> None:
        self.newest = newest

    @property
    def is_complete(self) -> Literal[True]:
        return True


def upload(cluster: str, series: int, stamp: int) -> bytes:
    """Return what one cluster pushes."""
    return block(
        *(
            (
                metric(
                    f"cluster_metric_{number % 100}_total",
                    _id=cluster,
                    instance=f"10.{number % 7}.{number % 50}.3:9100",
                    job="node-exporter",
                    namespace="openshift-monitoring",
                    pod=f"prometheus-k8s-{number}",
                    tenant="team",
                ),
                number * 1.5 + stamp % 1000,
                stamp,
            )
            for number in range(series)
        ),
        types=TYPES,
    )


def cluster_id(number: int) -> str:
    """Return an id as clusters have them."""
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:32]}"


async def main(sources: int, series: int) -> None:
    """Fill, scrape, print."""
    newest = Newest()
    handler = Handler(Filled(newest), _everybody)
    size = 0

    async def copy(_: web.Request) -> web.StreamResponse:
        return web.Response(body=bytes(size))

    app = web.Application()
    app.router.add_get("/federate", handler.answer)
    app.router.add_get("/copy", copy)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, LOOPBACK, port).start()
    now = int(time.time() * 1000)
    ids = [cluster_id(number) for number in range(sources)]
    uploads = [upload(cluster, series, now) for cluster in ids]
    references = [subjects.parse_latest(subjects.latest(JOB, cluster)) for cluster in ids]

    async def scrape(path: str, accept: str, coding: str = "identity") -> tuple[float, float, int]:
        async with aiohttp.ClientSession(auto_decompress=False) as session:
            headers = {"Accept": accept, "Accept-Encoding": coding}
            wall, cpu = time.perf_counter(), time.process_time()
            async with session.get(f"http://{LOOPBACK}:{port}{path}", headers=headers) as response:
                response.raise_for_status()
                read = 0
                async for chunk in response.content.iter_any():
                    read += len(chunk)
            return time.perf_counter() - wall, time.process_time() - cpu, read

    def fill() -> float:
        cpu = time.process_time()
        for reference, data in zip(references, uploads, strict=True):
            newest.apply(reference, data, time.time() + 600)
        return (time.process_time() - cpu) / sources * 1000

    print(f"{sources} sources, {series} series each")
    print(f"{'':34}{'wall s':>9}{'cpu s':>9}{'MB':>9}{'x copy':>9}")
    first = fill()
    ratio = 0.0
    for label, path, accept, coding in (
        ("text, first (indexes)", "/federate", "text/plain", "identity"),
        ("text", "/federate", "text/plain", "identity"),
        ("text, gzip", "/federate", "text/plain", "gzip"),
        (
            "text, one of 100 names",
            "/federate?match[]=cluster_metric_7_total",
            "text/plain",
            "gzip",
        ),
        ("text, by a label", '/federate?match[]={pod="prometheus-k8s-7"}', "text/plain", "gzip"),
        ("text, shard 1/4", "/federate?shard=1/4", "text/plain", "gzip"),
        ("protobuf, first (indexes)", "/federate", "application/vnd.google.protobuf", "gzip"),
        ("protobuf", "/federate", "application/vnd.google.protobuf", "gzip"),
    ):
        wall, cpu, read = await scrape(path, accept, coding)
        if label == "text":
            size = read
            copied, _, _ = await scrape("/copy", "*/*")
            ratio = wall / copied
        shown = f"{ratio:9.1f}" if label == "text" else ""
        print(f"{label:34}{wall:9.2f}{cpu:9.2f}{read / 1e6:9.1f}{shown}")
    print(f"ms CPU to take over one upload: {first:.2f} (no index), {fill():.2f} (two formats)")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"memory, at most: {peak:.0f} MiB, the clusters of this benchmark included")
    print(f"bench: federate_ratio_vs_copy={ratio:.1f}")
    await runner.cleanup()


async def _everybody(_: web.Request) -> None:
    return None


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--sources", type=int, default=5_000)
    arguments.add_argument("--series", type=int, default=232)
    given = arguments.parse_args()
    asyncio.run(main(given.sources, given.series))
