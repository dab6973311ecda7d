"""What a run found, by category; pure."""

import re
from collections import Counter

from rich.table import Table
from tests.oracle.promql.compare import Outcome
from tests.oracle.promql.verdicts import Verdict

INFO = "info"
"""The category in which refusals are expected: info() is answered only where nothing is hidden."""
MOST_REFUSED = 0.01
"""Part of the comparisons outside `INFO` that may be refused."""

_REASONS = 8
_QUOTED = re.compile(r'"[^"]*"|\d+')
_COUNTED_AS_EXACT = (Verdict.EXACT, Verdict.ERROR, Verdict.AGAIN)


class Tally:
    """Counts verdicts."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, Verdict]] = Counter()
        self._reasons: Counter[str] = Counter()

    def add(self, outcome: Outcome) -> None:
        """Count one comparison."""
        self._counts[outcome.case.category, outcome.verdict] += 1
        if outcome.verdict is Verdict.REFUSED:
            self._reasons[_QUOTED.sub("…", outcome.got.error)] += 1

    def total(self, *verdicts: Verdict, without: str = "") -> int:
        """Return how many comparisons came to one of the verdicts, or (none named) were made."""
        return sum(
            count
            for (category, verdict), count in self._counts.items()
            if category != without and (not verdicts or verdict in verdicts)
        )

    def refused_part(self) -> float:
        """Return which part of the comparisons outside `INFO` was refused."""
        return self.total(Verdict.REFUSED, without=INFO) / max(1, self.total(without=INFO))

    def is_good(self) -> bool:
        """Whether nothing is wrong and little enough refused."""
        return not self.total(Verdict.WRONG) and self.refused_part() <= MOST_REFUSED

    def table(self) -> Table:
        """Return a row for each category and one for all."""
        shown = Table(show_footer=True, footer_style="bold")
        shown.add_column("category", footer="all")
        shown.add_column("compared", footer=str(self.total()), justify="right")
        for verdict in Verdict:
            shown.add_column(str(verdict), footer=str(self.total(verdict)), justify="right")
        for category in sorted({category for category, _ in self._counts}):
            counts = [self._counts[category, verdict] for verdict in Verdict]
            shown.add_row(category, str(sum(counts)), *map(_shown, counts))
        return shown

    def reasons(self) -> list[str]:
        """Return why comparisons were refused, the most frequent reasons first."""
        return [f"{count} times: {reason}" for reason, count in self._reasons.most_common(_REASONS)]

    def last_line(self, name: str = "oracle") -> str:
        """Return the line by which a program reads the result."""
        return (
            f"{name}: compared={self.total()} exact={self.total(*_COUNTED_AS_EXACT)} "
            f"refused={self.total(Verdict.REFUSED)} wrong={self.total(Verdict.WRONG)}"
        )


def _shown(count: int) -> str:
    return str(count) if count else ""
