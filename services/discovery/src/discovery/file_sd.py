"""Prometheus' file_sd format, JSON and YAML: a text becomes targets or one problem; pure.

A file is a list of groups, ``{"targets": ["host:port", …], "labels": {"name": "value", …}}``. It is
taken as a whole or not at all, as Prometheus does, and like there unknown fields are errors. Unlike
there a YAML file with nothing in it is an error too: half-written files look like that, and losing
every backend of a file is worth a ``[]``.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from discovery import target
from discovery.target import Target
from tenantry_common import yaml_document

SUFFIXES = (".json", ".yaml", ".yml")


@dataclass(frozen=True)
class Broken:
    """Why a file yields no targets; the message names the file and the place in it."""

    message: str


class _Group(msgspec.Struct, forbid_unknown_fields=True):
    targets: tuple[str, ...] | None = None
    labels: dict[str, str] | None = None


type _Where = Callable[[str], str]
"""Path inside the file (``$[0].targets[1]``) → the place that is named to people."""


def parse(text: str, filename: str) -> tuple[Target, ...] | Broken:
    """Return the targets that `text` lists, in its order."""
    if filename.endswith(".json"):
        return _json(text, filename)
    return _yaml(text, filename)


def _json(text: str, filename: str) -> tuple[Target, ...] | Broken:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        return Broken(f"{filename}:{error.lineno}:{error.colno}: not JSON: {error.msg}")
    except RecursionError:
        return Broken(f"{filename}: not JSON: nested too deeply")
    return _groups(value, filename, lambda path: f"{filename}: {path}")


def _yaml(text: str, filename: str) -> tuple[Target, ...] | Broken:
    document = yaml_document.read(text, plain=True)
    match document:
        case yaml_document.Malformed(line, column, message):
            return Broken(f"{filename}:{line}:{column}: not YAML: {message}")
        case yaml_document.Document(None, _):
            return Broken(f"{filename}: nothing in it; a list without groups is written []")
        case yaml_document.Document(value, _):
            return _groups(
                value, filename, lambda path: f"{filename}:{document.line(path)}: {path}"
            )


def _groups(value: object, filename: str, where: _Where) -> tuple[Target, ...] | Broken:
    try:
        groups = msgspec.convert(value, list[_Group])
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `")
        return Broken(f"{where(path.rstrip('`') or '$')}: {message}")
    found: list[Target] = []
    for number, group in enumerate(groups):
        labels = group.labels or {}
        for position, address in enumerate(group.targets or ()):
            made = target.make(address, labels, filename)
            if isinstance(made, target.Invalid):
                place = f"labels.{made.label}" if made.label else f"targets[{position}]"
                return Broken(f"{where(f'$[{number}].{place}')}: {made.message}")
            found.append(made)
    return tuple(found)
