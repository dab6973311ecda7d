"""What the collector needs for one job of many series: CPU, memory, and how large its messages get.

    python tests/bench/bench_sizes.py [--series 10000,100000,482441] [--windows 4]

A real Prometheus is filled by remote write with windows of 30 s, three samples per series. Then a
process of its own collects them, window after window, with the collector's own loop and a clock that
is set, into a real nats-server. One line per size: CPU seconds per million samples of the first
window (every series is new) and of the last one, seconds from a window's end to its last message,
peak memory of the process, and the largest message before and after compression.
"""

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import aiohttp

from collector.batch import Limits
from collector.testing import Clock, Rig, backend, job, messages, sample, store
from tenantry_common import remote_write, snappy_block
from tenantry_common.contracts import Matcher
from tenantry_common.testing import ready_bus
from tenantry_local.nats_server import NatsServer
from tenantry_local.prometheus import Prometheus

INTERVAL = 30_000
STEP = 10_000
_FED_AT_ONCE = 5_000
_LARGEST = 1 << 30


def labels(number: int) -> dict[str, str]:
    target = number // 500
    return {
        "__name__": f"http_request_duration_seconds_{number % 500}",
        "instance": f"10.0.{target // 250}.{target % 250}:8080",
        "job": "checkout",
        "namespace": "shop",
        "pod": f"checkout-7d9f8b6c5d-{target:05d}",
    }


def request(first: int, last: int, begin: int, windows: int) -> bytes:
    """Return the samples of some series; a third of the values are zero."""
    return b"".join(
        remote_write.time_series(
            remote_write.encode_labels(labels(number)),
            row(begin + 1 + number // 500 * 37 % STEP, windows * INTERVAL // STEP, number % 21),
        )
        for number in range(first, last)
    )


@lru_cache(maxsize=100)
def row(begin: int, count: int, kind: int) -> bytes:
    """Return the samples of a series from `begin` on."""
    values = (0 if kind % 3 == 0 else kind * 1_000_003 + k for k in range(count))
    return b"".join(sample(begin + k * STEP, value) for k, value in enumerate(values))


def sizes(text: str) -> Iterator[int]:
    yield from map(int, text.split(","))


async def collect(options: argparse.Namespace) -> dict[str, float]:
    """Collect all windows; return the figures. Runs in a process of its own."""
    begin = options.begin
    async with (
        ready_bus(options.nats) as connection,
        aiohttp.ClientSession(auto_decompress=False) as http,
    ):
        rig = Rig(connection=connection, http=http, clock=Clock(begin + INTERVAL))
        rig.limits = Limits(series=10_000, size=4_000_000)
        rig.fetch_timeout = 300
        rig.cached_series = 1_000_000
        rig.ha_set = (backend(options.source),)
        rig.job = job([(Matcher("namespace", "=", "shop"),)], interval_ms=INTERVAL)
        before = _peak_mb()
        cpu: list[float] = []
        wall: list[float] = []
        async with rig.running() as loop:
            for window in range(1, options.windows + 1):
                spent, begun = time.process_time(), time.monotonic()
                await rig.collected(loop, begin + window * INTERVAL, seconds=600)
                cpu.append(time.process_time() - spent)
                wall.append(time.monotonic() - begun)
            progress = loop.progress.progress
    millions = progress.series * INTERVAL / STEP / 1e6
    return {
        "series": progress.series,
        "samples": progress.samples,
        "cold": cpu[0] / millions,
        "warm": cpu[-1] / millions,
        "slowest_s": max(wall[1:] or wall),
        "first_s": wall[0],
        "peak_mb": _peak_mb(),
        "mb_per_100k": (_peak_mb() - before) / progress.series * 1e5,
    }


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


async def measure(series: int, windows: int, directory: Path) -> dict[str, float]:
    """Fill a source, let a process collect from it, and look at the stream."""
    source = Prometheus(directory / "source")
    nats = NatsServer(directory / "nats")
    await source.start()
    await nats.start()
    try:
        begin = int(time.time()) * 1000 // INTERVAL * INTERVAL - (windows + 1) * INTERVAL
        for first in range(0, series, _FED_AT_ONCE):
            last = min(series, first + _FED_AT_ONCE)
            await store(source.url, request(first, last, begin, windows))
        async with ready_bus(nats.url):
            pass  # the streams are there
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, __file__, "--collect", "--source", source.url, "--nats", nats.url),
            *("--begin", str(begin), "--windows", str(windows)),
            stdout=subprocess.PIPE,
        )
        out, _ = await child.communicate()
        figures: dict[str, float] = json.loads(out)
        async with ready_bus(nats.url) as connection:
            blocks = [one.data for one in await messages(connection)]
        decoded = [snappy_block.decompress(block, limit=_LARGEST) for block in blocks]
        stored = sum(remote_write.count(one).samples for one in decoded)
        figures |= {
            "messages": len(blocks),
            "largest_kb": max(map(len, blocks)) / 1e3,
            "largest_decoded_kb": max(map(len, decoded)) / 1e3,
            "missing": series * windows * INTERVAL // STEP - stored,
        }
        return figures
    finally:
        await nats.terminate()
        await source.terminate()


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", default="10000,100000,482441")
    parser.add_argument("--windows", type=int, default=4)
    parser.add_argument("--collect", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--source", default="", help=argparse.SUPPRESS)
    parser.add_argument("--nats", default="", help=argparse.SUPPRESS)
    parser.add_argument("--begin", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.collect:
        sys.stdout.write(json.dumps(asyncio.run(collect(options))))
        return
    for series in sizes(options.series):
        with tempfile.TemporaryDirectory(prefix="bench-sizes-") as directory:
            figures = asyncio.run(measure(series, options.windows, Path(directory)))
        words = " ".join(f"{name}={figure:.4g}" for name, figure in figures.items())
        sys.stdout.write(f"sizes: {words}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
