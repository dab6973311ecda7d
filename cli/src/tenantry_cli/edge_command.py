"""`tenantry edge`: push the metrics of this cluster to one that is elsewhere."""

import asyncio
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console

from tenantry_cli import edge_config, edge_plan, edge_run
from tenantry_common import errors
from tenantry_local.errors import LocalError


def edge(
    config: Annotated[Path, typer.Option(help="What is pushed, and where to: one YAML file.")],
    check: Annotated[bool, typer.Option(help="Only say what is wrong with it.")] = False,
) -> None:
    """Collect this cluster's metrics, keep them on disk, and push them upstream until Ctrl-C.

    Exit status 1: the configuration is wrong, with --check. 2: nothing could be started.
    """
    console = Console(stderr=True, soft_wrap=True)
    try:
        wanted = edge_config.load(config)
        problems = edge_plan.problems(wanted)
        for problem in problems:
            console.print(
                f"{config}: {problem.severity}: {problem.message} - at `{problem.path}`",
                markup=False,
                highlight=False,
            )
        if any(problem.severity == "error" for problem in problems):
            raise typer.Exit(1 if check else 2)
        edge_plan.validated(wanted)
        if not check:
            children = edge_run.prepare(wanted)
            asyncio.run(edge_run.run(wanted, children, lambda text: _say(console, text)))
    except errors.ConfigError as error:
        text = str(error)
        _fail(console, text if text.startswith(str(config)) else f"{config}: {text}", check=check)
    except LocalError as error:
        _fail(console, str(error), check=check)


def _say(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False)


def _fail(console: Console, text: str, *, check: bool) -> NoReturn:
    console.print(text, markup=False, highlight=False, style="red")
    raise typer.Exit(1 if check else 2)
