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
from collections.abc import Iterator
from pathlib import Path

import aiohttp
from rich.console import Console
from rich.table import Table
from tests.oracle.delivery import chaos, held
from tests.oracle.delivery.endpoints import Endpoint
from tests.oracle.delivery.fleet import REPLICA_LABEL, Fleet
from tests.oracle.delivery.held import Series
from tests.oracle.delivery.jobs import Job
from tests.oracle.delivery.strike import Striker
from tests.oracle.delivery.verdict import Verdict

from tenantry_local import install, prometheus
from tenantry_local.supervisor import Supervisor

_ARRIVAL_SECONDS = 120.0
_POLL_SECONDS = 0.5
_SERVERS = ("prometheus", "prometheus-pushgateway", "victoria-metrics")

type Found = list[tuple[Job, Endpoint, Verdict]]


async def run(arguments: argparse.Namespace, directory: Path, console: Console) -> int:
    """Return the exit status."""
    fleet = Fleet(
        directory,
        series=arguments.series,
        collectors=arguments.collectors,
        writers=arguments.writers,
        nats=arguments.nats,
        speaks_v2=prometheus.major_version() >= 3,
    )
    rng = random.Random(arguments.seed)  # noqa: S311 - a repeatable run, no secret
    async with Supervisor(directory) as supervisor:
        console.print(f"starting {len(fleet.victims) + 1} processes")
        await fleet.start(supervisor)
        start_ms = await _flowing(fleet)
        blows = list(
            chaos.pairs(fleet.victims, rng)
            if arguments.pairs
            else chaos.single(fleet.victims, arguments.kills, rng)
        )
        striker = Striker(supervisor, fleet)
        for number, blow in enumerate(blows, start=1):
            console.print(f"{number}/{len(blows)}: {blow}", highlight=False)
            await striker.strike(blow)
            await asyncio.sleep(rng.uniform(0.5, arguments.quiet))
        console.print("everything runs again; waiting until all endpoints have caught up")
        end_ms = await _caught_up(fleet)
        console.print("comparing every sample")
        found = await _compare(fleet, (start_ms, end_ms))
    console.print(_table(found))
    for example in _examples(found):
        console.print(example, markup=False, highlight=False)
    return _last_line([verdict for _, _, verdict in found], len(blows))


async def _flowing(fleet: Fleet) -> int:
    """Wait until every endpoint holds samples of every job; return the time from which to compare."""
    await _arrived(fleet, int(time.time() * 1000))
    return _aligned(fleet)


def _aligned(fleet: Fleet) -> int:
    """Return the last moment at which intervals of all jobs ended."""
    longest = max(job.interval_ms for job in fleet.jobs)
    return int(time.time() * 1000) // longest * longest


async def _caught_up(fleet: Fleet) -> int:
    """Wait until all is delivered that the sources hold now; return the time until which to compare.

    A job's windows come in order, so those until then have come when one after them has.
    """
    end_ms = _aligned(fleet)
    await _arrived(fleet, end_ms)
    return end_ms


async def _compare(fleet: Fleet, span: tuple[int, int]) -> Found:
    """Compare the samples of the whole intervals of `span`."""
    found: Found = []
    async with aiohttp.ClientSession() as session:

        async def wanted(job: Job, span: tuple[int, int]) -> list[Series]:
            every = {"__name__": ".+"}
            return [
                _delivered(job, await held.in_prometheus(session, source.url, every, span))
                for source in fleet.sources
            ]

        for job, endpoint in _deliveries(fleet):
            verdict = await endpoint.judge(session, job, wanted, span)
            found.append((job, endpoint, verdict))
    return found


def _deliveries(fleet: Fleet) -> list[tuple[Job, Endpoint]]:
    return [
        (job, endpoint)
        for endpoint in fleet.endpoints
        for job in fleet.jobs
        if job.target == endpoint.target
    ]


async def _arrived(fleet: Fleet, since_ms: int) -> None:
    """Wait until every job has delivered something of after `since_ms`, everywhere."""
    async with aiohttp.ClientSession() as session:
        for job, endpoint in _deliveries(fleet):
            try:
                async with asyncio.timeout(_ARRIVAL_SECONDS):
                    # Only asking tells: an endpoint announces nothing.
                    while not await endpoint.newest(session, job, since_ms):  # noqa: ASYNC110
                        await asyncio.sleep(_POLL_SECONDS)
            except TimeoutError:
                where = f"{job.name} does not arrive at {endpoint.server.name}"
                raise TimeoutError(f"{where}; see the logs of the services") from None


def _delivered(job: Job, source: Series) -> Series:
    """Return what an endpoint must hold of the job if all came from this source."""
    return {
        frozenset(labels.items()): samples
        for series, samples in source.items()
        if (labels := job.delivered({k: v for k, v in series if k != REPLICA_LABEL})) is not None
    }


def _table(found: Found) -> Table:
    columns = ("series", "samples", "lost", "extra", "different", "thinner", "mixed")
    table = Table("job", "endpoint", *columns)
    for job, endpoint, verdict in found:
        figures = (str(getattr(verdict, column)) for column in columns)
        table.add_row(job.name, endpoint.server.name, *figures)
    return table


def _examples(found: Found) -> Iterator[str]:
    for job, endpoint, verdict in found:
        for example in verdict.examples:
            yield f"{job.name} at {endpoint.server.name}: {example}"


def _last_line(verdicts: list[Verdict], kills: int) -> int:
    total = {
        field: sum(getattr(verdict, field) for verdict in verdicts)
        for field in ("series", "samples", "lost", "extra", "different")
    }
    figures = " ".join(f"{field}={count}" for field, count in total.items())
    sys.stdout.write(f"delivery: {figures} kills={kills}\n")
    return 0 if all(verdict.exact for verdict in verdicts) else 1


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--pairs", action="store_true", help="kill every pair of kinds at once")
    parser.add_argument("--series", type=int, default=600)
    parser.add_argument("--collectors", type=int, default=3)
    parser.add_argument("--writers", type=int, default=3)
    parser.add_argument("--nats", type=int, default=3, help="nodes of the NATS cluster")
    parser.add_argument("--quiet", type=float, default=6.0, help="longest pause between two kills")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--keep", action="store_true", help="keep the run folder")
    arguments = parser.parse_args()
    terminal = Console(stderr=True)
    console = terminal if terminal.is_terminal else Console(stderr=True, width=120)
    if install.main(_SERVERS):
        sys.exit(1)
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
