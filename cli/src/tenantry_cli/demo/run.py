"""`tenantry demo`: start the estate, prove it, show the proof, stay up."""

import shutil
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tenantry_cli import running
from tenantry_cli.demo import proof
from tenantry_cli.demo.line import Line
from tenantry_cli.estate import Estate
from tenantry_cli.progress import Steps


async def demo(estate: Estate, manifests: Path, *, once: bool, console: Console) -> int:
    """Return the exit status: 0 when every line of the proof holds.

    The run folder is emptied first: the proof is about what happens now.
    """
    started = time.monotonic()
    shutil.rmtree(estate.run_dir, ignore_errors=True)
    estate.prepare(manifests)
    with Steps(console) as steps:
        async with running.running(estate, steps.say) as supervisor:
            lines = await proof.run(estate, supervisor, steps.say)
            steps.say("adding it up")
            console.print(table(lines), verdict(lines), f"{time.monotonic() - started:.0f} s")
            if not once:
                steps.say("staying up until Ctrl-C")
                console.print(running.guide(estate), highlight=False)
                await running.until_stopped(supervisor, console)
    return 0 if all(line.holds for line in lines) else 1


def table(lines: list[Line]) -> Table:
    """Return the proof as a table."""
    shown = Table(title="Proof", title_justify="left", show_lines=True)
    for column in ("", "part", "claim", "seen"):
        shown.add_column(column, overflow="fold")
    for line in lines:
        mark = "[green]✓[/]" if line.holds else "[bold red]✗[/]"
        shown.add_row(mark, line.part, line.claim, line.seen)
    return shown


def verdict(lines: list[Line]) -> str:
    """Return one sentence that sums the proof up."""
    failed = sum(not line.holds for line in lines)
    if failed:
        return f"[bold red]{failed} of {len(lines)} lines do not hold[/]"
    return f"[bold green]all {len(lines)} lines hold[/]"
