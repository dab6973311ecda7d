"""Show how far requests for backfill are: bars at a terminal, lines elsewhere."""

from collections.abc import Iterable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from tenantry_cli.backfill import Seen, key_of


def words(seen: Seen) -> str:
    """Return what is to be said of a request; pure."""
    request = seen.request
    if request.delivered_ms:
        return _result(seen)
    if seen.gone:
        return "nobody answered it, or the bucket was emptied"
    if request.error:
        return f"waits: {request.error}"
    if request.answered_ms:
        return f"delivering, {seen.waiting:,} batches to go"
    if request.done_ms:
        return f"reading, {request.samples:,} samples so far"
    return "waits for a collector"


def _result(seen: Seen) -> str:
    request = seen.request
    said = [f"{request.samples:,} samples"]
    if request.empty_ms:
        said.append(f"for {request.empty_ms / 1000:g} s the source holds nothing")
    if request.refused:
        said.append(
            f"refused {request.refused:,} times: the endpoint has them, or takes nothing out of order"
        )
    return "; ".join(said)


def fraction(seen: Seen) -> float:
    """Return how much of it is done, from 0 to 1: read, then delivered; pure."""
    request = seen.request
    if request.delivered_ms:
        return 1.0
    span = request.end_ms - request.start_ms
    read = (request.done_ms - request.start_ms) / span if request.done_ms and span else 0.0
    return 0.99 * min(1.0, max(0.0, read))


def name(seen: Seen) -> str:
    """Return which one it is; pure."""
    return f"{seen.request.shard} → {seen.request.endpoint}"


class Bars:
    """Shows each request for as long as the block runs, and what became of it at the end."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TimeElapsedColumn(),
            TextColumn("{task.fields[words]}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}
        self._said: dict[str, str] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def show(self, found: Iterable[Seen]) -> None:
        """Show them as they are now."""
        for one in found:
            if self._console.is_terminal:
                self._bar(one)
            if one.is_over or not self._console.is_terminal:
                self._line(one)

    def _bar(self, one: Seen) -> None:
        key = key_of(one.request)
        if key not in self._tasks:
            self._tasks[key] = self._progress.add_task(name(one), total=1.0, words="")
        self._progress.update(
            self._tasks[key],
            completed=fraction(one),
            words=words(one),
            visible=not one.is_over,
        )

    def _line(self, one: Seen) -> None:
        """Print a line where something has changed."""
        key, text = key_of(one.request), words(one)
        if self._said.get(key) == text:
            return
        self._said[key] = text
        bad = one.gone or (one.is_over and one.request.refused > 0)
        mark = Text("✗" if bad else "✓", style="red" if bad else "green")
        self._console.print(mark if one.is_over else Text("·"), Text(f"{name(one)}: {text}"))
