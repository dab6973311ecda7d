"""The proof is shown as a table, and summed up honestly."""

import io

from rich.console import Console

from tenantry_cli.demo import run
from tenantry_cli.demo.line import Line

GOOD = Line("query", "permitted is equal", "3 series, equal", True)
BAD = Line("delivery", "nothing is lost", "lost 4", False)


def shown(lines: list[Line]) -> str:
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(run.table(lines))
    return console.export_text()


def test_every_line_is_shown_with_its_mark() -> None:
    text = shown([GOOD, BAD])

    assert [mark in text for mark in ("✓", "✗", "lost 4", "3 series, equal")] == [True] * 4


def test_one_line_that_fails_decides() -> None:
    assert run.verdict([GOOD, BAD]) == "[bold red]1 of 2 lines do not hold[/]"
    assert run.verdict([GOOD]) == "[bold green]all 1 lines hold[/]"
