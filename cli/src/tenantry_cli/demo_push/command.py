"""`tenantry demo-push`: what can be asked of the demo of pushes."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from tenantry_cli.demo_push.estate import Estate, Ports
from tenantry_cli.demo_push.run import demo
from tenantry_local.errors import LocalError


def demo_push(
    once: Annotated[bool, typer.Option(help="Exit after the proof instead of staying up.")] = False,
    run_dir: Annotated[Path, typer.Option(help="Folder for configuration, logs and data.")] = Path(
        ".run/demo-push"
    ),
    free_ports: Annotated[
        bool, typer.Option(help="Take any free ports instead of the usual ones.")
    ] = False,
) -> None:
    """Push from an isolated cluster to two receivers, kill one, and prove that nothing is lost."""
    console = Console(width=None if Console().is_terminal else 130)
    estate = Estate(run_dir.resolve(), Ports.free() if free_ports else Ports())
    try:
        status = asyncio.run(demo(estate, once=once, console=console))
    except LocalError as error:
        Console(stderr=True).print(f"[bold red]tenantry:[/] {error}", highlight=False)
        status = 2
    except KeyboardInterrupt:
        status = 130
    raise typer.Exit(status)
