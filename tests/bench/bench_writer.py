"""CPU seconds per million samples of the delivery path, beside a bare POST of the same bytes.

    python tests/bench/bench_writer.py [--batches 300] [--series 3000] [--samples 3] [--rounds 3]

Three lines: aiohttp posting the batches one after the other, the writer's loop pulling them from a
real nats-server, posting them to the same sink and acknowledging them, and the same loop with a
post that does nothing. CPU seconds of this process only: the sink is a process of its own, and so
is nats-server. Compare only figures of one run.
"""

import argparse
import asyncio
import multiprocessing
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection
from pathlib import Path

from aiohttp import web
from prometheus_client import CollectorRegistry

from tenantry_common import bus, remote_write, snappy_block
from tenantry_common.contracts import Endpoint
from tenantry_common.credentials import Folder
from tenantry_common.subjects import JobRef, ShardRef
from tenantry_common.testing import ready_bus
from tenantry_local.nats_server import NatsServer
from writer import deliver, endpoint, exchange, outcome, testing
from writer.assign import Lane
from writer.backfills import Backfills
from writer.deliver_loop import Cursor, DeliverLoop
from writer.metrics import Metrics
from writer.tally import Tally

START = 1_700_000_000_000
PATIENCE = deliver.Patience(first=0.03, limit=1, after_limit=1, fault=1, poison_tries=5)

type Work = Callable[[], Awaitable[None]]


def sink(tell: Connection) -> None:
    """Serve an endpoint that takes everything, and tell where."""

    async def take(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(status=204)

    async def serve() -> None:
        app = web.Application(client_max_size=64 << 20)
        app.router.add_post("/api/v1/write", take)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        tell.send(runner.addresses[0][1])
        await asyncio.Event().wait()

    asyncio.run(serve())


def batch(number: int, series: int, samples: int) -> bytes:
    """Return one window of `series` series."""
    rng = random.Random(number)
    step = 30_000 // samples
    return remote_write.join(
        testing.series(
            {
                "__name__": f"http_request_duration_seconds_{n % 50}",
                "instance": f"10.0.{n // 250}.{n % 250}:8080",
                "job": "checkout",
                "namespace": "shop",
                "pod": f"checkout-7d9f8b6c5d-{n // 500:05d}",
            },
            *((START + number * 30_000 + k * step, rng.random()) for k in range(samples)),
        )
        for n in range(series)
    )


class Pipeline:
    """The writer's loop over all batches of a shard, from a cursor of its own each time."""

    def __init__(self, connection: bus.Bus, shard: ShardRef, batches: int, post: deliver.Post):
        self._bus = connection
        self._shard = shard
        self._batches = batches
        self._post = post
        self._runs = 0

    async def run(self) -> None:
        self._runs += 1
        name = f"{id(self)}-{self._runs}"
        lane = Lane(
            shard=self._shard, endpoint=Endpoint(id=name, kind="prometheus", url="http://sink")
        )
        left = self._batches

        async def post(block: bytes) -> outcome.Posted:
            nonlocal left
            left -= 1
            if not left:
                loop.drain()
            return await self._post(block)

        metrics = Metrics(CollectorRegistry())
        loop = DeliverLoop(
            self._bus,
            lane,
            post,
            patience=PATIENCE,
            cursor=Cursor(ack_wait=30, idle=60),
            tally=Tally(lane, metrics),
            metrics=metrics,
            backfills=Backfills(dict),
        )
        await loop.run()


async def measure(rounds: int, works: dict[str, Work]) -> dict[str, tuple[float, float]]:
    """Return CPU and wall seconds of the quickest round of each; the rounds take turns."""
    best = dict.fromkeys(works, (float("inf"), float("inf")))
    for _ in range(rounds):
        for name, work in works.items():
            begun = time.process_time(), time.perf_counter()
            await work()
            spent = time.process_time() - begun[0], time.perf_counter() - begun[1]
            best[name] = min(best[name], spent)
    return best


async def run(options: argparse.Namespace, port: int, directory: Path) -> None:
    """Publish the batches, then deliver them in each way."""
    shard = ShardRef(JobRef("t", "j"), "s")
    requests = [batch(n, options.series, options.samples) for n in range(options.batches)]
    blocks = [snappy_block.compress(request) for request in requests]
    target = Endpoint(id="0", kind="prometheus", url=f"http://127.0.0.1:{port}/api/v1/write")
    server = NatsServer(directory)
    await server.start()
    try:
        async with ready_bus(server.url) as connection, exchange.session(20) as http:
            for n, request in enumerate(requests):
                await testing.publish(connection, shard, [request], START + (n + 1) * 30_000)

            async def bare() -> None:
                for block in blocks:
                    async with http.post(target.url, data=block) as response:
                        response.raise_for_status()

            async def nothing(_: bytes) -> outcome.Outcome:
                return outcome.Delivered()

            to_sink = endpoint.HttpEndpoint(http, "t", target, Folder("")).post
            found = await measure(
                options.rounds,
                {
                    "bare aiohttp POST": bare,
                    "pull, POST, acknowledge": Pipeline(
                        connection, shard, options.batches, to_sink
                    ).run,
                    "pull, acknowledge": Pipeline(connection, shard, options.batches, nothing).run,
                },
            )
    finally:
        await server.kill()
    show(options, found, len(blocks[0]))


def show(
    options: argparse.Namespace, found: dict[str, tuple[float, float]], block_size: int
) -> None:
    """Print the figures."""
    millions = options.batches * options.series * options.samples / 1e6
    bare = found["bare aiohttp POST"][0]
    sys.stdout.write(
        f"{options.batches} batches of {options.series} series with {options.samples} samples, "
        f"{block_size / 1000:.0f} kB each\n"
    )
    for name, (cpu, wall) in found.items():
        sys.stdout.write(
            f"{name:26} {cpu / millions:8.4f} CPU s per million samples  "
            f"{cpu / options.batches * 1e6:6.0f} us CPU per batch  "
            f"{options.batches / wall:6.0f} batches/s  {cpu / bare:5.2f} x bare\n"
        )


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, default=300)
    parser.add_argument("--series", type=int, default=3000)
    parser.add_argument("--samples", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=sink, args=(theirs,), daemon=True)
    process.start()
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(run(options, ours.recv(), Path(directory)))
    process.terminate()


if __name__ == "__main__":
    main()
