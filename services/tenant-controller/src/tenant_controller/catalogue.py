"""All objects of all files, each validated, none twice; pure."""

import functools
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from tenant_controller import documents
from tenant_controller.documents import Located
from tenant_controller.findings import Finding
from tenant_controller.metric_access import GROUP, KIND
from tenant_controller.validate import Validated, validate
from tenantry_common.contents import Contents, Unreadable
from tenantry_common.contracts import Problem


class Place(Protocol):
    """Where an object stands: a document of a file, or the API server."""

    @property
    def file(self) -> str:
        """The file, or what stands for one."""
        ...

    @property
    def line(self) -> int:
        """From 1; 0 where there are no lines."""
        ...

    def finding(self, problem: Problem) -> Finding:
        """Return `problem`, whose path is inside the object, with its place."""
        ...


@dataclass(frozen=True, eq=False)  # compared by identity, as `Validated`
class Entry:
    """One MetricAccess and where it stands."""

    located: Place
    validated: Validated

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is wrong with it, by line."""
        return tuple(map(self.located.finding, self.validated.problems))


@dataclass(frozen=True)
class Catalogue:
    """What a set of files holds."""

    entries: tuple[Entry, ...]
    """Every MetricAccess that could be read as YAML, valid or not."""
    findings: tuple[Finding, ...]
    """What is wrong with the files beside the objects: unreadable, not YAML, another kind."""


def read(files: Contents) -> Catalogue:
    """Return everything that is in `files`."""
    entries: list[Entry] = []
    findings: list[Finding] = []
    for name, content in files.items():
        if isinstance(content, Unreadable):
            problem = Problem(path="$", message=content.reason, object=name)
            findings.append(Finding(file=name, line=0, problem=problem))
            continue
        for found in _file(content, name):
            if isinstance(found, Entry):
                entries.append(found)
            else:
                findings.append(found)
    return Catalogue(tuple(_refuse_repeated(entries)), tuple(findings))


@functools.lru_cache(maxsize=4096)  # a folder is read as a whole when one file changes
def _file(text: str, name: str) -> tuple[Entry | Finding, ...]:
    return tuple(
        found if isinstance(found, Finding) else _document(found)
        for found in documents.read(text, name)
    )


def _document(located: Located) -> Entry | Finding:
    value = located.document.value
    group, kind = _kind(value)
    if kind == KIND and group == GROUP:
        return Entry(located, validate(value))
    what = f"{kind} of {group}" if kind and group else kind or "a document without kind"
    problem = Problem(
        path="$",
        message=f"ignored: {what} is not {KIND} of {GROUP}",
        severity="warning",
        object=located.file,
    )
    return located.finding(problem)


def _kind(value: object) -> tuple[str, str]:
    """Return the API group and the kind that a document claims."""
    if not isinstance(value, Mapping):
        return "", ""
    version, kind = value.get("apiVersion"), value.get("kind")
    group = version.rpartition("/")[0] if isinstance(version, str) else ""
    return group, kind if isinstance(kind, str) else ""


def _refuse_repeated(entries: list[Entry]) -> list[Entry]:
    """Refuse all objects of one name: which of them is meant cannot be known."""
    named = defaultdict(list)
    for entry in entries:
        if entry.validated.namespace and entry.validated.name:
            named[entry.validated.full_name].append(entry)
    return [
        entry if len(same := named[entry.validated.full_name]) < 2 else _repeated(entry, same)
        for entry in entries
    ]


def _repeated(entry: Entry, same: list[Entry]) -> Entry:
    others = ", ".join(
        f"{other.located.file}:{other.located.line}" for other in same if other is not entry
    )
    refused = entry.validated
    problem = Problem(
        path="$.metadata.name",
        message=f"is refused, because {others} has the same name and namespace",
        object=refused.full_name,
    )
    return Entry(
        entry.located,
        Validated(refused.namespace, refused.name, None, (), (*refused.problems, problem)),
    )
