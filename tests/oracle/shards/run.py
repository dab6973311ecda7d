"""Compare what is put together from shards with what one Prometheus of everything permitted answers.

    .venv/bin/python -m tests.oracle.shards.run --comparisons 20000 --shards 3 --seed 1

Runs real Prometheus servers (PROMETHEUS_BIN, PATH or .tools/bin): the shards, each of two replicas,
hold the series between them; another, anew for each random rule set, holds what is permitted of all.
The shards are asked by a gateway over HTTP, or by its planner and merges alone. Prints a table by
category and why queries were refused; the last line is `shards: compared=… exact=… refused=… wrong=…`.
Exit status 1 when anything is wrong. docs/shards.md tells more.
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn
from tests.oracle.promql.campaign import Campaign
from tests.oracle.promql.plan import Plan
from tests.oracle.promql.verdicts import Verdict
from tests.oracle.shards.estate import sharded


def main() -> None:
    """Run from the command line."""
    options = _parser().parse_args()
    console = Console(stderr=True)
    campaign = asyncio.run(_campaign(options, console))
    tally = campaign.tally
    console.print(tally.table())
    for reason in tally.reasons():
        console.print(f"refused: {reason}", markup=False, highlight=False)
    if campaign.wrong:
        options.report.parent.mkdir(parents=True, exist_ok=True)
        options.report.write_text("\n".join(campaign.wrong), encoding="utf-8")
        console.print(f"all {len(campaign.wrong)} wrong ones: {options.report}")
    print(tally.last_line("shards"))  # noqa: T201 - the result
    sys.exit(1 if tally.total(Verdict.WRONG) else 0)


def _parser() -> argparse.ArgumentParser:
    summary = (__doc__ or "").splitlines()[0]
    parser = argparse.ArgumentParser(prog="shards", description=summary, allow_abbrev=False)
    add = parser.add_argument
    add("--comparisons", type=int, default=20_000, help="how many to make, at least")
    add("--shards", type=int, default=3, help="among how many servers the series are divided")
    add("--replicas", type=int, default=2, help="how many servers hold each part")
    add("--through", choices=("gateway", "library"), default="gateway", help="what is tested")
    add("--seed", type=int, default=1, help="equal seeds make equal comparisons")
    add("--generated", type=int, default=400, help="queries from the grammar per rule set")
    add("--category", action="append", default=[], help="only this category of written queries")
    add("--feature", action="append", default=[], help="one more feature flag for the servers")
    add("--report", type=Path, default=Path(".run/shards-wrong.txt"), help="where wrong ones go")
    return parser


async def _campaign(options: argparse.Namespace, console: Console) -> Campaign:
    plan = Plan(
        seed=options.seed,
        generated=options.generated,
        categories=frozenset(options.category),
    )
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with (
        tempfile.TemporaryDirectory(prefix="tenantry-shards-") as folder,
        Progress(*columns, console=console, disable=not console.is_terminal) as progress,
    ):
        task = progress.add_task("comparing", total=options.comparisons)
        async with sharded(
            Path(folder),
            options.shards,
            options.feature,
            way=options.through,
            replicas=options.replicas,
        ) as running:
            campaign = Campaign(
                plan, running.whole, running.through, progressed=lambda: progress.advance(task)
            )
            await campaign.run(options.comparisons)
            return campaign


if __name__ == "__main__":
    main()
