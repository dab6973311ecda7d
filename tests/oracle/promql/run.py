"""Compare what tenants are answered with what a Prometheus of only their series answers.

    .venv/bin/python -m tests.oracle.promql.run --comparisons 100000 --seed 1

Runs two real Prometheus servers (PROMETHEUS_BIN, PATH or .tools/bin): A holds everything, B, anew
for each random rule set, only what is permitted. Prints a table by category; the last line is
`oracle: compared=… exact=… refused=… wrong=…`. Exit status 1 when anything is wrong, or when more
than 1 % outside info() is refused. docs/oracle.md tells more.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn
from tests.oracle.promql import corpus, gateway, servers
from tests.oracle.promql.campaign import Campaign
from tests.oracle.promql.client import Client
from tests.oracle.promql.estate import Estate, estate
from tests.oracle.promql.plan import Plan
from tests.oracle.promql.through import Library, Through

_SHOWN = 3


def main() -> None:
    """Run from the command line."""
    options = _parser().parse_args()
    console = Console(stderr=True)
    started = time.monotonic()
    campaign = asyncio.run(_campaign(options, console))
    seconds = time.monotonic() - started
    console.print(campaign.tally.table())
    for reason in campaign.tally.reasons():
        console.print(f"refused: {reason}", markup=False, highlight=False)
    console.print(
        f"{campaign.tally.refused_part():.2%} refused outside info(); "
        f"{campaign.tally.total() / seconds:.0f} comparisons/s"
    )
    _report(campaign.wrong, options.report, console)
    print(campaign.tally.last_line())  # noqa: T201 - the result
    sys.exit(0 if campaign.tally.is_good() else 1)


def _parser() -> argparse.ArgumentParser:
    summary = (__doc__ or "").splitlines()[0]
    parser = argparse.ArgumentParser(prog="oracle", description=summary, allow_abbrev=False)
    add = parser.add_argument
    add("--comparisons", type=int, default=20_000, help="how many to make, at least")
    add("--seed", type=int, default=1, help="equal seeds make equal comparisons")
    add("--through", choices=("library", "gateway"), default="library", help="what is tested")
    add("--generated", type=int, default=400, help="queries from the grammar per rule set")
    add("--category", action="append", default=[], help="only this category of written queries")
    add("--kind", action="append", default=[], help="only this kind of rule sets")
    add("--feature", action="append", default=[], help="one more feature flag for the servers")
    add("--corpus", type=Path, help="folder of more queries and series, as *.test files")
    add("--first", type=int, default=0, help="number of the first rule set")
    add("--report", type=Path, default=Path(".run/oracle-wrong.txt"), help="where wrong ones go")
    return parser


async def _campaign(options: argparse.Namespace, console: Console) -> Campaign:
    more = corpus.read(options.corpus)
    plan = Plan(
        seed=options.seed,
        corpus=more.queries,
        generated=options.generated,
        categories=frozenset(options.category),
        kinds=tuple(options.kind),
    )
    with (
        tempfile.TemporaryDirectory(prefix="tenantry-oracle-") as folder,
        Progress(
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        ) as progress,
    ):
        task = progress.add_task("comparing", total=options.comparisons)
        async with (
            estate(Path(folder), options.feature, more) as running,
            _through(options.through, running) as through,
        ):
            campaign = Campaign(
                plan,
                running,
                through,
                first=options.first,
                progressed=lambda: progress.advance(task),
            )
            await campaign.run(options.comparisons)
            return campaign


@asynccontextmanager
async def _through(name: str, running: Estate) -> AsyncIterator[Through]:
    """Yield what is tested."""
    backend = await servers.backend(running.everything, running.http)
    everything = Client(running.http, running.everything.url, {})
    library = Library(everything, servers.upstream(backend))
    if name == "library":
        yield library
        return
    async with gateway.gateway(running, library) as through:
        yield through


def _report(wrong: list[str], path: Path, console: Console) -> None:
    if not wrong:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(wrong), encoding="utf-8")
    for text in wrong[:_SHOWN]:
        console.print(text, markup=False, highlight=False, soft_wrap=True)
    console.print(f"all {len(wrong)} wrong ones: {path}")


if __name__ == "__main__":
    main()
