"""What the oracle's sources scrape: everything that makes delivery hard, made of arithmetic.

A pure function of the time, so that both servers of an HA pair see the same world at their own
instants: churn and staleness, resets, NaN, infinities, long and non-ASCII label values, missing
labels, values that need all 53 bits, and labels for every relabel action to work on.
"""

import argparse
import asyncio
import math
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from aiohttp import web

_GENERATION_SECONDS = 15
_RESET_SECONDS = 40
_SPECIAL = (math.nan, math.inf, -math.inf, 0.0, 1e-300, 1e300, 1 / 3, -1.5, 2.0**53 + 1)
_TEXTS = (
    "plain",
    "žluťoučký kůň",
    "東京",
    'quo"te',
    "back\\slash",
    "line\nbreak",
    "=~|{}",
    "x" * 5000,
    "東" * 5000,
)


class Exposed(NamedTuple):
    """One series as it is exposed at an instant."""

    name: str
    labels: dict[str, str]
    value: float


def exposed(now: float, series: int) -> Iterator[Exposed]:
    """Yield about `series` series as they are at `now` (seconds)."""
    for number in range(series):
        namespace = ("team-a", "team-b", "")[number // len(_FAMILIES) % 3]
        labels = {
            "number": f"{number:06d}",
            "zone": f"zone-{number % 3}",
            "home": f"zone-{number % 2}",
            "team": "Team Ä" if number % 4 else "OPS",
        } | ({"namespace": namespace} if namespace else {})
        yield _FAMILIES[number % len(_FAMILIES)](now, number, labels)


def _counter(now: float, number: int, labels: dict[str, str]) -> Exposed:
    age = (now + number) % _RESET_SECONDS
    return Exposed("load_requests_total", labels, float(math.floor(age * (number % 7 + 1))))


def _gauge(now: float, number: int, labels: dict[str, str]) -> Exposed:
    return Exposed("load_temperature", labels, 20 + math.sin(now / 5 + number) / 3)


def _special(now: float, number: int, labels: dict[str, str]) -> Exposed:
    return Exposed("load_special", labels, _SPECIAL[int(now + number) % len(_SPECIAL)])


def _churning(now: float, number: int, labels: dict[str, str]) -> Exposed:
    generation = int((now + number % _GENERATION_SECONDS) // _GENERATION_SECONDS)
    return Exposed("load_pod_info", {**labels, "pod": f"pod-{number}-{generation % 1000}"}, 1.0)


def _texts(now: float, number: int, labels: dict[str, str]) -> Exposed:
    return Exposed("load_text", {**labels, "text": _TEXTS[number % len(_TEXTS)]}, now % 17)


def _bucket(now: float, number: int, labels: dict[str, str]) -> Exposed:
    bound = ("0.1", "1", "10", "+Inf")[number // 6 % 4]
    return Exposed("load_seconds_bucket", {**labels, "le": bound}, float(math.floor(now % 1000)))


_FAMILIES: tuple[Callable[[float, int, dict[str, str]], Exposed], ...] = (
    *(_counter, _gauge, _special, _churning, _texts, _bucket),
)


def exposition(now: float, series: int) -> str:
    """Return the text format (version 0.0.4) of what is exposed at `now`."""
    return "".join(
        f"{one.name}{{{_labels(one.labels)}}} {_number(one.value)}\n"
        for one in exposed(now, series)
    )


def _labels(labels: dict[str, str]) -> str:
    escaped = {
        name: value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
        for name, value in labels.items()
    }
    return ",".join(f'{name}="{value}"' for name, value in escaped.items())


def _number(value: float) -> str:
    return {math.inf: "+Inf", -math.inf: "-Inf"}.get(value, repr(value))


async def _serve(port: int, series: int) -> None:
    async def metrics(_: web.Request) -> web.Response:
        text = exposition(time.time(), series)
        return web.Response(text=text, headers={"Content-Type": "text/plain; version=0.0.4"})

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


def main() -> None:
    """Serve `/metrics` on loopback until killed."""
    parser = argparse.ArgumentParser(description="load source of the delivery oracle")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--series", type=int, default=600)
    arguments = parser.parse_args()
    asyncio.run(_serve(arguments.port, arguments.series))


if __name__ == "__main__":
    main()
