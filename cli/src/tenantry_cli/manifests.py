"""`tenantry check`: validate manifests as the tenant-controller does, and show every problem."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Group, RenderableType
from rich.text import Text

from tenant_controller.check import check_files
from tenant_controller.findings import Finding
from tenantry_common.contents import Contents, Unreadable

_SUFFIXES = (".yaml", ".yml")


def check(paths: Sequence[Path]) -> tuple[Finding, ...]:
    """Return every problem of the files; a folder stands for the manifests in it."""
    return check_files(texts(paths))


def texts(paths: Sequence[Path]) -> Contents:
    """Return the text of every file, or why it cannot be read."""
    found: dict[str, str | Unreadable] = {}
    for path in _files(paths):
        try:
            found[str(path)] = path.read_text()
        except OSError as error:
            found[str(path)] = Unreadable(f"cannot be read: {error.strerror}")
        except UnicodeDecodeError:
            found[str(path)] = Unreadable("cannot be read: not UTF-8")
    return found


def _files(paths: Iterable[Path]) -> list[Path]:
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(inner for inner in path.iterdir() if inner.suffix in _SUFFIXES)
        else:
            found.append(path)
    return found


def render(findings: Sequence[Finding]) -> RenderableType:
    """Return one line per problem, `file:line` first so that editors can jump to it, and a sum."""
    lines = [
        Text(str(finding), style="red" if finding.is_error else "yellow") for finding in findings
    ]
    errors = sum(finding.is_error for finding in findings)
    warnings = len(findings) - errors
    return Group(*lines, Text(f"{errors} errors, {warnings} warnings"))


def exit_status(findings: Iterable[Finding]) -> int:
    """Return 1 when any problem is an error."""
    return int(any(finding.is_error for finding in findings))
