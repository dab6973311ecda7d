"""Label selectors as Kubernetes writes them: `tier=prod,team in (a, b),!canary`; pure.

An absent label satisfies `!=` and `notin`, as in the API server.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

_NAME = r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?"
_KEY = re.compile(rf"({_NAME}/)?{_NAME}")
_VALUE = re.compile(rf"({_NAME})?")
_SET = re.compile(r"(?P<key>\S+)\s+(?P<op>in|notin)\s*\((?P<values>[^()]*)\)")
_EQUAL = re.compile(r"(?P<key>[^=!\s]+)\s*(?P<op>==|=|!=)\s*(?P<value>\S*)")
_EXISTS = re.compile(r"(?P<absent>!?)\s*(?P<key>[^=!\s()]+)")
_COMMA = re.compile(r",(?![^(]*\))")


class Invalid(ValueError):
    """A text is not a label selector."""


@dataclass(frozen=True)
class Requirement:
    """One condition on one label."""

    key: str
    op: Literal["in", "notin"]
    values: frozenset[str] | None
    """None: any value, so that `in` means that the label is there."""

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Whether `labels` meet it."""
        value = labels.get(self.key)
        found = value is not None and (self.values is None or value in self.values)
        return found if self.op == "in" else not found


type Selector = tuple[Requirement, ...]
"""All of these; no requirement selects everything."""


def parse(text: str) -> Selector:
    """Read a selector. Raises `Invalid`."""
    return tuple(_requirements(text))


def matches(selector: Iterable[Requirement], labels: Mapping[str, str]) -> bool:
    """Whether something with these labels is selected."""
    return all(requirement.holds(labels) for requirement in selector)


def _requirements(text: str) -> Iterator[Requirement]:
    for part in _COMMA.split(text) if text.strip() else ():
        piece = part.strip()
        if found := _SET.fullmatch(piece):
            values = frozenset(value.strip() for value in found["values"].split(","))
            yield _checked(found["key"], "in" if found["op"] == "in" else "notin", values)
        elif found := _EQUAL.fullmatch(piece):
            op: Literal["in", "notin"] = "notin" if found["op"] == "!=" else "in"
            yield _checked(found["key"], op, frozenset({found["value"]}))
        elif found := _EXISTS.fullmatch(piece):
            yield _checked(found["key"], "notin" if found["absent"] else "in", None)
        else:
            raise Invalid(f"{piece!r} is not a condition on a label")


def _checked(key: str, op: Literal["in", "notin"], values: frozenset[str] | None) -> Requirement:
    if not _KEY.fullmatch(key):
        raise Invalid(f"{key!r} is not the key of a label")
    for value in values or ():
        if not _VALUE.fullmatch(value):
            raise Invalid(f"{value!r} is not the value of a label")
    return Requirement(key, op, values)
