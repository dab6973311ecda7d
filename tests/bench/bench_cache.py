"""What the range cache saves a backend, and how much sooner dashboards are there.

    python -m tests.bench.bench_cache [--refreshes 8] [--connections 8] [--redis]

Twenty tenants look at a dashboard of 30 panels, over an hour and over a day, refreshed every 15 s. A
real Prometheus holds the day; the gateway is a process; the load is one. Three ways to ask:

- label proxy: each panel is one query with the tenant's label, sent to Prometheus directly. That is
  what prom-label-proxy sends, at no cost of its own.
- gateway, no cache; gateway, cache.

Time is not waited for: a refresh begins when the one before is over, 15 s later by the clock that the
cache reads, and asks for what a dashboard asks for then. The first refresh, which finds nothing in the
cache, is shown apart; ratios are of the medians of the following ones. CPU is what the kernel counts for
Prometheus.
Some answers of each refresh are compared with those of Prometheus itself, in every digit.
"""

import argparse
import asyncio
import contextlib
import random
import statistics
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from tests.bench.cache import dashboard, estate
from tests.bench.cache.dashboard import REFRESH, Panel
from tests.bench.cache.estate import Running
from tests.bench.gateway import asked, process
from tests.bench.gateway.load import Done, Order, in_a_process

import tenantry_promql as promql
from tenantry_local.ports import LOOPBACK

_MEMORY = 256 * 1024 * 1024
_COUNTED = 2
"""Refreshes of the ways without a cache, after one that warms Prometheus up."""
_COMPARED = 40
"""Answers of each refresh."""
_AT_MOST = 240.0
_PATH = "/api/v1/query_range"


@dataclass(frozen=True, kw_only=True)
class Way:
    """Where queries go."""

    name: str
    port: int
    is_direct: bool
    pid: int = 0
    """Of the gateway."""

    def request(self, panel: Panel, now: int) -> bytes:
        """Return one HTTP request."""
        form = dict(panel.form(now))
        if self.is_direct:
            form["query"] = direct(panel)
        headers = {} if self.is_direct else {"X-Tenant-Namespace": panel.tenant}
        return asked.requests(_PATH, [form], headers)[0]


@dataclass(frozen=True)
class Refresh:
    """What one refresh of all dashboards took."""

    load: Done
    backend: float
    """CPU seconds."""
    gateway: float


def direct(panel: Panel) -> str:
    """Return the query with the tenant's label in every selector."""
    rules = promql.RuleSet([promql.parse_rule(f'{{namespace="{panel.tenant}"}}')])
    return promql.rewrite_query(panel.query, rules).query


async def refresh(running: Running, way: Way, now: int, connections: int) -> Refresh:
    """Have every panel ask once."""
    running.set_clock(now)
    requests = [way.request(panel, now) for panel in dashboard.panels()]
    order = Order(LOOPBACK, way.port, requests, connections, _AT_MOST, once=True)
    pids = [running.backend_pid, *([way.pid] if way.pid else [])]
    before = [process.cpu_seconds(pid) for pid in pids]
    done = await in_a_process(order)
    used = [process.cpu_seconds(pid) - old for pid, old in zip(pids, before, strict=True)]
    return Refresh(done, used[0], sum(used[1:]))


async def compare(running: Running, way: Way, now: int, draw: random.Random) -> None:
    """End the process when a dashboard shows anything else than Prometheus would."""

    async def answer(session: aiohttp.ClientSession, asking: Way, panel: Panel) -> Any:
        form = {**panel.form(now), **({"query": direct(panel)} if asking.is_direct else {})}
        headers = {"X-Tenant-Namespace": panel.tenant}
        url = f"http://{LOOPBACK}:{asking.port}{_PATH}"
        async with session.post(url, data=form, headers=headers) as response:
            body = await response.json()
        return sorted(body["data"]["result"], key=lambda one: sorted(one["metric"].items()))

    async with aiohttp.ClientSession(raise_for_status=True) as session:
        for panel in draw.sample(list(dashboard.panels()), _COMPARED):
            found = await answer(session, way, panel)
            if found != await answer(session, proxy(running), panel) or not found:
                raise SystemExit(f"wrong answer: {panel} at {now}")


def proxy(running: Running) -> Way:
    """Return the way of prom-label-proxy."""
    return Way(name="label proxy", port=running.prometheus.port, is_direct=True)


@contextlib.asynccontextmanager
async def through(running: Running, name: str, cache: Mapping[str, Any]) -> AsyncIterator[Way]:
    """Yield the way through a gateway of its own."""
    async with running.gateway(cache) as pid:
        yield Way(name=name, port=running.estate.port, is_direct=False, pid=pid)


def show(name: str, one: Refresh) -> None:
    """Print one row."""
    count = one.load.answers
    print(
        f"{name:38} {one.backend / count * 1e3:12.2f} {one.gateway / count * 1e3:12.2f} "
        f"{one.load.p50 * 1e3:9.1f} {one.load.p99 * 1e3:9.1f} {one.load.per_second:9.1f}",
        flush=True,
    )


async def several(running: Running, way: Way, now: int, connections: int) -> list[Refresh]:
    """Return some refreshes of a way that keeps nothing."""
    found = []
    for number in range(_COUNTED):
        found.append(await refresh(running, way, now + number * REFRESH, connections))
        show(way.name, found[-1])
    return found


async def dashboards(
    running: Running, way: Way, times: Sequence[int], connections: int, draw: random.Random
) -> list[Refresh]:
    """Refresh through a cache, comparing some answers each time; return all but the first refresh."""
    found = []
    for number, now in enumerate(times):
        found.append(await refresh(running, way, now, connections))
        show(f"{way.name}, {'later' if number else 'first'} refresh", found[-1])
        await compare(running, way, now, draw)
    return found[1:]


def cpu(one: Refresh) -> float:
    """Return the backend's CPU seconds."""
    return one.backend


def p99(one: Refresh) -> float:
    """Return the seconds within which 99 of 100 panels were there."""
    return one.load.p99


def ratio(
    some: Sequence[Refresh], others: Sequence[Refresh], of: Callable[[Refresh], float]
) -> float:
    """Return the ratio of the medians over refreshes."""
    return statistics.median(map(of, some)) / statistics.median(map(of, others))


async def main(refreshes: int, connections: int, with_redis: bool) -> None:
    """Measure each way, and print a table and the ratios."""
    draw = random.Random(7)
    with tempfile.TemporaryDirectory() as folder:
        async with estate.running(Path(folder)) as running:
            first = running.end - (refreshes + 1) * REFRESH
            times = [first + number * REFRESH for number in range(refreshes + 1)]
            panels = len(list(dashboard.panels()))
            print(f"{panels} panels a refresh, {connections} connections; per query, milliseconds:")
            print(
                f"{'':38} {'backend CPU':>12} {'gateway CPU':>12} {'p50':>9} {'p99':>9}  queries/s"
            )
            label_proxy = proxy(running)
            await refresh(running, label_proxy, first, connections)
            alone = await several(running, label_proxy, first, connections)
            async with through(running, "gateway, no cache", {"memory_bytes": 0}) as way:
                without = await several(running, way, first, connections)
            cache: dict[str, Any] = {"memory_bytes": _MEMORY}
            async with through(running, "gateway, cache", cache) as way:
                warm = await dashboards(running, way, times, connections, draw)
                size = process.resident_mib(way.pid)
            if with_redis:
                async with estate.redis(running) as settings:
                    cache["redis"] = settings
                    async with through(running, "gateway, Redis", cache) as way:
                        await dashboards(running, way, times, connections, draw)
                        await estate.written(running)
                    async with through(running, "another gateway, Redis", cache) as way:
                        await dashboards(running, way, times[-2:], connections, draw)
                        await estate.written(running)
    print(f"the gateway with the cache holds {size:.0f} MiB; its answers equal those of Prometheus")
    print(
        f"bench: backend_cpu_ratio={ratio(alone, warm, cpu):.1f} p99_ratio={ratio(alone, warm, p99):.1f} "
        f"backend_cpu_ratio_vs_no_cache={ratio(without, warm, cpu):.1f} "
        f"p99_ratio_vs_no_cache={ratio(without, warm, p99):.1f} wrong=0"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.bench.bench_cache")
    parser.add_argument("--refreshes", type=int, default=8, help="after the first one")
    parser.add_argument("--connections", type=int, default=8, help="that ask at the same time")
    parser.add_argument("--redis", action="store_true", help="and with a Redis, for two gateways")
    arguments = parser.parse_args()
    asyncio.run(main(arguments.refreshes, arguments.connections, arguments.redis))
