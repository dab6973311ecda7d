"""Split a YAML file into its documents; pure.

Each is read on its own, so that one that is broken takes none of the others with it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tenant_controller.findings import Finding
from tenantry_common import yaml_document
from tenantry_common.contracts import Problem

# YAML allows no document to hold such a line, not even inside a block of text.
_SEPARATOR = re.compile(r"^---(?=\s|$)", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Located:
    """A document and the file it stands in."""

    file: str
    line: int
    """Line on which it begins."""
    document: yaml_document.Document

    def finding(self, problem: Problem) -> Finding:
        """Return `problem`, whose path is inside this document, with its line."""
        return Finding(file=self.file, line=self.document.line(problem.path), problem=problem)


def read(text: str, filename: str) -> Iterator[Located | Finding]:
    """Yield every document of `text` that has something in it, or why it cannot be read."""
    for start, piece in _pieces(text):
        found = yaml_document.read(piece, start)
        if isinstance(found, yaml_document.Malformed):
            problem = Problem(
                path=f"line {found.line}",
                message=f"not YAML: column {found.column}: {found.message}",
                object=filename,
            )
            yield Finding(file=filename, line=found.line, problem=problem)
        elif found.value is not None:
            yield Located(file=filename, line=found.line("$"), document=found)


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """Yield each part between separators, with the line on which it begins."""
    begin = 0
    for match in _SEPARATOR.finditer(text):
        yield text.count("\n", 0, begin) + 1, text[begin : match.start()]
        begin = match.end()
    yield text.count("\n", 0, begin) + 1, text[begin:]
