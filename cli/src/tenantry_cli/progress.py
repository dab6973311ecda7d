"""Say what is being done: a spinner with the elapsed time at a terminal, lines elsewhere."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


class Steps:
    """One step after another; each is announced when it starts and ticked off when the next does."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._current = ""
        self._since = 0.0

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._finish()
        self._progress.stop()

    def say(self, step: str) -> None:
        """Tick off the running step and announce the next."""
        self._finish()
        self._current = step
        self._since = time.monotonic()
        if self._console.is_terminal:
            self._progress.add_task(step, total=None)
        else:
            self._console.print(f"· {step}")

    def _finish(self) -> None:
        for task in self._progress.task_ids:
            self._progress.remove_task(task)
        if self._current and self._console.is_terminal:
            passed = time.monotonic() - self._since
            self._console.print(f"[green]✓[/] {self._current} [dim]{passed:.1f} s[/]")
        self._current = ""
