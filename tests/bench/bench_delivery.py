"""What delivery costs, beside vmagent: the same source, the same endpoints, the same series.

    python -m tests.bench.bench_delivery [--series 100000] [--interval 30] [--windows 5]

A real Prometheus scrapes generated targets every 10 s. First its own CPU is measured, then that of
everybody while Tenantry delivers to two Prometheus endpoints, then while vmagent scrapes `/federate`
of the source every 10 s and writes to the same two. CPU seconds are what the kernel says of each
process, per million samples; a sample that reaches both endpoints counts once. The last line is
`bench: ratio_vs_vmagent=…`, vmagent's CPU divided by that of collector and writer.

`VMAGENT_BIN` and `PROMETHEUS_BIN` name other executables.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from rich.console import Console
from rich.table import Table
from tests.bench.delivery import plant, usage
from tests.bench.delivery.plant import Agent, Plant, Size, Tenantry
from tests.bench.delivery.usage import Usage

from tenantry_local import install
from tenantry_local.process import Process
from tenantry_local.prometheus import Prometheus
from tenantry_local.server import Server

_WARM_WINDOWS = 2
_QUIET_SECONDS = 2.0
_POLL_SECONDS = 0.5
_ARRIVAL_SECONDS = 120.0
_MILLION = 1e6
_TARGETS = {"own": 1.1, "source": 12.0, "memory": 250.0}

type Watched = Mapping[str, tuple[Process | Server, ...]]


@dataclass(frozen=True)
class Phase:
    """What was measured while one pipeline ran, or none."""

    name: str
    samples: int
    """Stored by the endpoint that stored the fewest; scraped, where no pipeline ran."""
    scraped: int
    cpu: Mapping[str, float]
    peak_mb: Mapping[str, float]

    def per_million(self, *names: str) -> float:
        """Return the CPU seconds of these processes per million samples."""
        return sum(self.cpu[name] for name in names) / max(1, self.samples) * _MILLION


class Bench:
    """One run."""

    def __init__(self, options: argparse.Namespace, directory: Path, console: Console) -> None:
        self._options = options
        self._console = console
        self._plant = Plant(directory, Size(options.series, options.jobs, options.interval))

    async def run(self) -> list[Phase]:
        """Measure the source alone, and each pipeline."""
        running: list[Process | Server] = []
        try:
            async with aiohttp.ClientSession(raise_for_status=True) as self._session:
                everything: tuple[Process | Server, ...] = (
                    *(self._plant.targets, self._plant.source),
                    *self._plant.endpoints,
                )
                for process in everything:
                    running.append(process)
                    await process.start()
                return await self._phases()
        finally:
            for process in reversed(running):
                await process.terminate()

    async def _phases(self) -> list[Phase]:
        self._say(f"the source scrapes {self._options.series} series")
        await self._until_stored((self._plant.source,), self._options.series)
        await asyncio.sleep(2 * plant.SCRAPE_SECONDS)
        phases = [await self._measure("source alone", {}, (self._plant.source,))]
        for pipeline in self._pipelines():
            self._say(f"{pipeline.name}: starting")
            watched = {
                name: (process,)
                for name, process in (*pipeline.own.items(), *pipeline.beside.items())
            }
            before = await self._stored(self._plant.endpoints)
            await pipeline.start()
            try:
                await self._warmed_up(before)
                phases.append(await self._measure(pipeline.name, watched, self._plant.endpoints))
            finally:
                await pipeline.stop()
        return phases

    def _pipelines(self) -> list[Tenantry | Agent]:
        ours = self._plant.tenantry()
        return [ours] if self._options.alone else [ours, self._plant.vmagent()]

    async def _warmed_up(self, before: int) -> None:
        """Wait until the first windows, in which every series is new, have been stored."""
        for number in range(1, _WARM_WINDOWS + 1):
            wanted = before + int(self._window * number * 0.9)  # what is late comes with the next
            await self._until_stored(self._plant.endpoints, wanted)
            self._say(f"  warming up: window {number} of {_WARM_WINDOWS} is stored")

    async def _until_stored(self, servers: tuple[Prometheus, ...], samples: int) -> None:
        async with asyncio.timeout(_ARRIVAL_SECONDS + self._options.interval):
            while await self._stored(servers) < samples:  # noqa: ASYNC110 - only asking tells
                await asyncio.sleep(_POLL_SECONDS)

    @property
    def _window(self) -> int:
        return int(self._options.series * self._options.interval / plant.SCRAPE_SECONDS)

    async def _measure(
        self, name: str, pipeline: Watched, counted: tuple[Prometheus, ...]
    ) -> Phase:
        watched = {
            **pipeline, "source": (self._plant.source,), "endpoints": self._plant.endpoints
        }  # fmt: skip
        await self._quiet(counted)
        begin, stored, scraped = _look(watched), *await self._counts(counted)
        for number in range(1, self._options.windows + 1):
            ends = time.monotonic() + self._options.interval
            await asyncio.sleep(self._options.interval * 0.9)
            await self._quiet(counted, ends)
            now, so_far, _ = _look(watched), *await self._counts(counted)
            spent = sum(
                now[one].cpu_seconds - begin[one].cpu_seconds for one in pipeline if one != "nats"
            )
            self._say(
                f"  {name}: {number} of {self._options.windows} windows, {so_far - stored:,} samples"
                + (f", {spent:.2f} CPU s" if pipeline else "")
            )
        end, stored_after, scraped_after = _look(watched), *await self._counts(counted)
        return Phase(
            name=name,
            samples=stored_after - stored,
            scraped=scraped_after - scraped,
            cpu={one: end[one].cpu_seconds - begin[one].cpu_seconds for one in watched},
            peak_mb={one: end[one].peak_mb for one in watched},
        )

    async def _counts(self, counted: tuple[Prometheus, ...]) -> tuple[int, int]:
        return await self._stored(counted), await self._stored((self._plant.source,))

    async def _stored(self, servers: tuple[Prometheus, ...]) -> int:
        """Return what the server that has stored the fewest samples has stored."""
        return min([await plant.appended(self._session, one) for one in servers])

    async def _quiet(self, servers: tuple[Prometheus, ...], at_least: float = 0.0) -> None:
        """Wait until nothing is being stored, so that a measurement begins between two windows.

        Something that never rests is measured wherever it is.
        """
        if self._plant.source in servers:
            return
        gives_up = time.monotonic() + self._options.interval
        seen, since = 0, time.monotonic()
        while time.monotonic() < gives_up:
            stored = sum([await plant.appended(self._session, one) for one in servers])
            if stored != seen:
                seen, since = stored, time.monotonic()
            elif time.monotonic() > max(since + _QUIET_SECONDS, at_least):
                return
            await asyncio.sleep(_POLL_SECONDS)

    def _say(self, words: str) -> None:
        self._console.print(words, highlight=False)


def _look(watched: Watched) -> dict[str, Usage]:
    return {name: usage.of(map(plant.pid, group)) for name, group in watched.items()}


def _table(phases: list[Phase], series: int) -> Table:
    table = Table(title="CPU seconds per million samples; peak memory in MB")
    columns = ("samples", "of scraped", "own", "nats", "source", "endpoints", "memory", "per 100k")
    table.add_column("pipeline")
    for column in columns:
        table.add_column(column, justify="right")
    for phase in phases:
        own = _own(phase)
        memory = sum(phase.peak_mb[name] for name in own)
        table.add_row(
            phase.name,
            f"{phase.samples:,}",
            f"{phase.samples / phase.scraped:.1%}",
            f"{phase.per_million(*own):.2f}" if own else "",
            f"{phase.per_million('nats'):.2f}" if "nats" in phase.cpu else "",
            f"{phase.per_million('source'):.1f}",
            f"{phase.per_million('endpoints'):.1f}" if own else "",
            f"{memory:.0f}" if own else "",
            f"{memory / series * 1e5:.0f}" if own else "",
        )
    return table


def _own(phase: Phase) -> tuple[str, ...]:
    return tuple(name for name in phase.cpu if name in ("collector", "writer", "vmagent"))


def _details(phase: Phase) -> str:
    parts = (
        f"{name} {phase.per_million(name):.2f} CPU s, {phase.peak_mb[name]:.0f} MB"
        for name in _own(phase)
    )
    return f"{phase.name}: " + ", ".join(parts)


def _last_line(phases: list[Phase], series: int) -> str:
    ours = next(phase for phase in phases if phase.name == Tenantry.name)
    figures = {
        "own": ours.per_million(*_own(ours)),
        "source": ours.per_million("source"),
        "memory": sum(ours.peak_mb[name] for name in _own(ours)) / series * 1e5,
    }
    theirs = [phase for phase in phases if phase.name == Agent.name]
    ratio = f"{theirs[0].per_million('vmagent') / figures['own']:.1f}" if theirs else "none"
    words = " ".join(
        f"{name}={figure:.2f}{'' if figure <= _TARGETS[name] else '(!)'}"
        for name, figure in figures.items()
    )
    return f"bench: ratio_vs_vmagent={ratio} {words}"


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=100_000)
    parser.add_argument("--jobs", type=int, default=1, help="among which the series are shared out")
    parser.add_argument("--interval", type=int, default=30, help="seconds that a window spans")
    parser.add_argument("--windows", type=int, default=5, help="windows that are measured")
    parser.add_argument("--alone", action="store_true", help="without vmagent")
    options = parser.parse_args()
    if install.main(["prometheus", *(() if options.alone else ("vmagent",))]):
        sys.exit(1)
    terminal = Console(stderr=True)
    console = terminal if terminal.is_terminal else Console(stderr=True, width=120)
    with tempfile.TemporaryDirectory(prefix="bench-delivery-") as directory:
        phases = asyncio.run(Bench(options, Path(directory), console).run())
    console.print(_table(phases, options.series))
    for phase in phases[1:]:
        console.print(_details(phase), highlight=False)
    sys.stdout.write(_last_line(phases, options.series) + "\n")


if __name__ == "__main__":
    main()
