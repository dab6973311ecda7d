"""A problem with its place: what `tenantry check`, the log and /debug/tenants show; pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from tenantry_common.contracts import Problem


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One problem, and the line of the file that it is about."""

    file: str
    line: int
    """From 1; 0 when the file as a whole is meant."""
    problem: Problem

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        parts = (place, self.problem.severity, self.problem.object, self.problem.path)
        return ": ".join((*(part for part in parts if part), self.problem.message))

    @property
    def is_error(self) -> bool:
        """Whether something has no effect because of it, and not only a doubt."""
        return self.problem.severity == "error"


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings by file, line and path."""
    return tuple(sorted(findings, key=lambda f: (f.file, f.line, f.problem.path)))
