"""What each file of a folder lists, now and while it is broken; pure.

A broken file keeps the targets that it last had, as with Prometheus: a typo must not take the
queries of every tenant down. A file that is deleted takes its targets with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from discovery import file_sd
from discovery.target import Target
from tenantry_common.contents import Contents, Unreadable


@dataclass(frozen=True)
class File:
    """One file, or a whole folder that cannot be read, as of its last reading."""

    targets: tuple[Target, ...] | None
    """None when it was broken ever since this process started."""
    problem: str = ""
    """Why the newest content is not used; empty when it is."""


type Files = Mapping[str, File]
"""Path → file."""


def read(before: Files, path: str, contents: Contents | Unreadable) -> Files:
    """Return the files of the folder `path`, given how they were before."""
    if isinstance(contents, Unreadable):
        lost = {path: File(None, f"{path}: {contents.reason}")}
        return lost | {name: file for name, file in before.items() if name != path}
    return {name: _file(before.get(name), name, content) for name, content in contents.items()}


def _file(before: File | None, name: str, content: str | Unreadable) -> File:
    last = before.targets if before else None
    if isinstance(content, Unreadable):
        return File(last, f"{name}: {content.reason}")
    parsed = file_sd.parse(content, name)
    return File(last, parsed.message) if isinstance(parsed, file_sd.Broken) else File(parsed)
