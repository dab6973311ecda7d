"""What the benchmark's source scrapes: many small targets, served cheaply.

Run as a file. Each path `/metrics/<n>` is a target of 500 series: histogram buckets, a third of them
zero, the others numbers that change with every scrape.
"""

import argparse
import asyncio
import itertools
import random

from aiohttp import web

PER_TARGET = 500
_CHANGING = 997  # numbers that take turns; prime, so that neighbours differ


def heads(target: int, series: int, jobs: int) -> list[str]:
    """Return what stands before the values of one target; `series` and `jobs` are of all targets."""
    numbers = range(target * PER_TARGET, min(series, (target + 1) * PER_TARGET))
    return [
        f"http_request_duration_seconds_{n % 50}"
        f'{{le="{n % PER_TARGET // 50}",namespace="shop-{n * jobs // series}",'
        f'pod="checkout-7d9f8b6c5d-{target:05d}"}} '
        for n in numbers
    ]


def values() -> list[str]:
    """Return numbers as they are exposed, from small counters to seventeen digits."""
    rng = random.Random(1)  # the same in every run
    return [
        f"{rng.randrange(10**6)}\n" if n % 2 else f"{rng.random()!r}\n" for n in range(_CHANGING)
    ]


class Targets:
    """All targets of a run."""

    def __init__(self, series: int, jobs: int) -> None:
        self._heads = [heads(n, series, jobs) for n in range(-(-series // PER_TARGET))]
        self._values = values()
        self._scrapes = itertools.count()

    async def serve(self, request: web.Request) -> web.Response:
        """Answer the scrape of one target."""
        start = next(self._scrapes) * 7 % _CHANGING
        turning = itertools.cycle(self._values[start:] + self._values[:start])
        pairs = (
            (head, "0\n" if n % 3 == 0 else value)
            for n, (head, value) in enumerate(
                zip(self._heads[int(request.match_info["target"])], turning, strict=False)
            )
        )
        text = "".join(itertools.chain.from_iterable(pairs))
        return web.Response(text=text, headers={"Content-Type": "text/plain; version=0.0.4"})


async def _serve(port: int, series: int, jobs: int) -> None:
    app = web.Application()
    app.router.add_get("/metrics/{target}", Targets(series, jobs).serve)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


def main() -> None:
    """Serve on loopback until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--series", type=int, required=True)
    parser.add_argument("--jobs", type=int, required=True)
    arguments = parser.parse_args()
    asyncio.run(_serve(arguments.port, arguments.series, arguments.jobs))


if __name__ == "__main__":
    main()
