"""The templates of relabel rules: `$1`, `${1}`, `$name`, `${name}`, `$$`, as Go expands them; pure.

Follows `regexp.Expand`: a name is the longest row of letters, digits and underscores, so that
``$1x`` is the group named ``1x``; a group that does not exist is empty; a ``$`` that begins none of
these forms stands for itself.
"""

import unicodedata
from dataclasses import dataclass

import re2

from tenantry_common.relabel_regex import Groups


@dataclass(frozen=True, slots=True)
class _Reference:
    """A group, by number or by name."""

    group: int | str


type Template = tuple[str | _Reference, ...]

# Prometheus' `relabelTarget`. RE2, because its time is linear whatever a tenant writes.
_TARGET = re2.compile(r"(?:(?:[a-zA-Z_]|\$(?:\{\w+\}|\w+))+\w*)+")


def is_target(template: str) -> bool:
    """Return whether the template can expand to label names of the classic form."""
    return _TARGET.fullmatch(template) is not None


def may_name(template: str) -> bool:
    """Return whether the template can be a `target_label`: with references only in classic form."""
    return is_target(template) if "$" in template else bool(template)


def parse(text: str) -> Template:
    """Return the literal texts and references that `text` is made of."""
    parts: list[str | _Reference] = []
    while text:
        literal, dollar, text = text.partition("$")
        if literal:
            parts.append(literal)
        if not dollar:
            break
        if text.startswith("$"):
            parts.append("$")
            text = text[1:]
        elif (found := _reference(text)) is not None:
            name, text = found
            parts.append(_Reference(_group(name)))
        else:
            parts.append("$")
    return tuple(parts)


def _reference(text: str) -> tuple[str, str] | None:
    """Return the name at the beginning of `text`, which followed a ``$``, and what follows it."""
    braced = text.startswith("{")
    body = text[1:] if braced else text
    size = next((i for i, c in enumerate(body) if not _in_name(c)), len(body))
    name, rest = body[:size], body[size:]
    if not name or (braced and not rest.startswith("}")):
        return None
    return name, rest[1:] if braced else rest


def _in_name(character: str) -> bool:
    category = unicodedata.category(character)
    return character == "_" or category.startswith("L") or category == "Nd"


def _group(name: str) -> int | str:
    """Return the number that `name` is, or the name; a number has no leading zeros."""
    if name.isascii() and name.isdigit() and (name == "0" or name[0] != "0"):
        return int(name)
    return name


def expand(template: Template, groups: Groups) -> str:
    """Return the text of `template` with its references filled in."""
    return "".join(
        part if isinstance(part, str) else _value(part.group, groups) for part in template
    )


def _value(group: int | str, groups: Groups) -> str:
    if isinstance(group, str):
        return groups.named.get(group, "")
    return groups.numbered[group] if group < len(groups.numbered) else ""
