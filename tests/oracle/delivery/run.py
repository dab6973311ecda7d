"""Run the delivery oracle: kill and pause at random for a while, then compare every sample.

    python -m tests.oracle.delivery.run --kills 50
    python -m tests.oracle.delivery.run --pairs

The last line is `delivery: series=… samples=… lost=… extra=… different=… kills=…`; exit status 1 when
anything is lost, extra or different.
"""

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import aiohttp
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from tests.oracle.delivery import chaos, jobs, verdict
from tests.oracle.delivery.chaos import Blow
from tests.oracle.delivery.fleet import REPLICA_LABEL, Fleet
from tests.oracle.delivery.jobs import Job
from tests.oracle.delivery.verdict import Verdict

from tenantry_cli.demo import delivery, readback
from tenantry_local.supervisor import Supervisor

_QUIET_SECONDS = 6.0
_ARRIVAL_SECONDS = 90.0


async def run(arguments: argparse.Namespace, directory: Path, console: Console) -> int:
    """Return the exit status."""
    fleet = Fleet(
        directory,
        manifests={f"{job.name}.yaml": job.manifest for job in jobs.JOBS},
        series=arguments.series,
        collectors=arguments.collectors,
        writers=arguments.writers,
        nats=arguments.nats,
    )
    rng = random.Random(arguments.seed)  # noqa: S311 - a repeatable run, no secret
    async with Supervisor(directory) as supervisor:
        console.print(f"starting {len(fleet.victims) + 3} processes")
        await fleet.start(supervisor)
        start_ms = await _flowing(fleet)
        blows = list(
            chaos.pairs(fleet.victims, rng)
            if arguments.pairs
            else chaos.single(fleet.victims, arguments.kills, rng)
        )
        with Progress(console=console, disable=not console.is_terminal) as progress:
            for blow in progress.track(blows, description="killing and pausing"):
                await _strike(supervisor, blow)
                await asyncio.sleep(rng.uniform(0.5, _QUIET_SECONDS))
        console.print("everything runs again; waiting until all endpoints have caught up")
        verdicts = await _compare(fleet, start_ms)
    console.print(_table(verdicts))
    return _last_line(verdicts, len(blows))


async def _strike(supervisor: Supervisor, blow: Blow) -> None:
    if blow.act == "pause":
        for victim in blow.victims:
            supervisor[victim].pause()
        await asyncio.sleep(blow.seconds)
        for victim in blow.victims:
            supervisor[victim].resume()
        return
    async with asyncio.TaskGroup() as group:
        for victim in blow.victims:
            group.create_task(supervisor.kill(victim))
    await asyncio.sleep(blow.seconds)
    async with asyncio.TaskGroup() as group:
        for victim in blow.victims:
            group.create_task(supervisor.restart(victim))


async def _flowing(fleet: Fleet) -> int:
    """Wait until every endpoint holds samples of every job; return the time from which to compare."""
    async with aiohttp.ClientSession() as session:
        since = int(time.time() * 1000)
        urls = [fleet.strict.url, fleet.lenient.url]
        if not await delivery.wait_until_stored(session, urls, since + 5_000, _ARRIVAL_SECONDS):
            raise TimeoutError("no samples arrive at the endpoints; see the logs of the services")
        longest = max(job.interval_ms for job in jobs.JOBS)
        now = int(time.time() * 1000)
        return now // longest * longest


async def _compare(fleet: Fleet, start_ms: int) -> list[tuple[str, str, Verdict]]:
    longest = max(job.interval_ms for job in jobs.JOBS)
    end_ms = int(time.time() * 1000) // longest * longest
    found: list[tuple[str, str, Verdict]] = []
    async with aiohttp.ClientSession() as session:
        urls = [fleet.strict.url, fleet.lenient.url]
        await _arrived(session, urls, end_ms + 2 * longest)
        sources = [
            await readback.samples(session, source.url, start_ms, end_ms)
            for source in fleet.sources
        ]
        for url, name in ((fleet.strict.url, "strict"), (fleet.lenient.url, "lenient")):
            held = await readback.samples(session, url, start_ms, end_ms)
            found += [(job.name, name, _judge(job, sources, held)) for job in jobs.JOBS]
    return found


async def _arrived(session: aiohttp.ClientSession, urls: list[str], at_ms: int) -> None:
    """Wait until every job has delivered a window that ends after `at_ms`, everywhere."""
    async with asyncio.timeout(_ARRIVAL_SECONDS):
        for url in urls:
            for job in jobs.JOBS:
                while True:
                    recent = await readback.samples(session, url, at_ms - 1, at_ms + 600_000)
                    if any(job.owns(dict(sample.labels)) for sample in recent):
                        break
                    await asyncio.sleep(1)


def _judge(
    job: Job, sources: list[list[readback.Sample]], held: Iterable[readback.Sample]
) -> Verdict:
    wanted = [
        [
            sample._replace(labels=frozenset(labels.items()))
            for sample in source
            if (labels := job.delivered(_without_replica(sample.labels))) is not None
        ]
        for source in sources
    ]
    own = [sample for sample in held if job.owns(dict(sample.labels))]
    return verdict.judge(wanted, own, job.interval_ms)


def _without_replica(labels: readback.Labels) -> dict[str, str]:
    return {name: value for name, value in labels if name != REPLICA_LABEL}


def _table(verdicts: list[tuple[str, str, Verdict]]) -> Table:
    table = Table(
        "job", "endpoint", "series", "samples", "lost", "extra", "different", "thinner", "e.g."
    )
    for job, endpoint, seen in verdicts:
        figures = (seen.series, seen.samples, seen.lost, seen.extra, seen.different, seen.thinner)
        table.add_row(job, endpoint, *map(str, figures), "\n".join(seen.examples[:2]))
    return table


def _last_line(verdicts: list[tuple[str, str, Verdict]], kills: int) -> int:
    total = [
        sum(getattr(seen, field) for _, _, seen in verdicts)
        for field in ("series", "samples", "lost", "extra", "different")
    ]
    series, samples, lost, extra, different = total
    exact = all(seen.exact for _, _, seen in verdicts)
    sys.stdout.write(
        f"delivery: series={series} samples={samples} lost={lost} extra={extra} "
        f"different={different} kills={kills}\n"
    )
    return 0 if exact else 1


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--pairs", action="store_true", help="kill every pair of kinds at once")
    parser.add_argument("--series", type=int, default=600)
    parser.add_argument("--collectors", type=int, default=3)
    parser.add_argument("--writers", type=int, default=3)
    parser.add_argument("--nats", type=int, default=3, help="nodes of the NATS cluster")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--keep", action="store_true", help="keep the run folder")
    arguments = parser.parse_args()
    console = Console(stderr=True)
    console.print(f"seed {arguments.seed}")
    directory = Path(tempfile.mkdtemp(prefix="oracle-delivery-"))
    try:
        status = asyncio.run(run(arguments, directory, console))
    finally:
        if arguments.keep:
            console.print(f"kept: {directory}")
        else:
            shutil.rmtree(directory, ignore_errors=True)
    sys.exit(status)


if __name__ == "__main__":
    main()
