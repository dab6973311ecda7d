"""Regular expressions with Prometheus' meaning: RE2, anchored at both ends, the dot matches a newline.

Python's `re` is never used on them: `\\d`, `$`, `(?i)` and look-arounds mean something else there.
Prometheus 3 tests `^(?s:r)$` (model/labels/regexp.go); Prometheus 2 has no `s`, which differs only
for values that contain a newline, and nothing is decided statically about those.
"""

import re
from functools import lru_cache
from typing import NamedTuple

import re2

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False
_OPTIONS.dot_nl = True
_OPTIONS.never_capture = True
_OPTIONS.max_mem = 1 << 20  # enough for an alternation of 3,000 names; RE2 would allow 8 MiB each

_META = frozenset("\\.+*?()|[]{}^$")
_ESCAPED_PAIR = re.compile(r"\\(.)", re.DOTALL)
# A character that means itself; before ASCII punctuation a backslash quotes.
_PLAIN_CHARACTER = r"(?:[^\\.+*?()|\[\]{}^$]|\\[^0-9A-Za-z\x80-\U0010ffff])"
_PREFIX = re.compile(rf"({_PLAIN_CHARACTER}*)\.([*+])\Z", re.DOTALL)

# Literals, dots, and `.*`, `.+`, `.?`: what most expressions of queries consist of.
_PLAIN = re.compile(rf"(?:{_PLAIN_CHARACTER}|\||\.[*+?]?+)*+")

# The edges of groups that are whole branches of the outermost alternation.
_BRANCH_EDGES = re.compile(r"(?<![^|])\(\?:|\)(?![^|])")

# Answers are remembered for short texts only, so that the caches stay small whatever tenants send.
_SHORT = 256
_MOST_INSTRUCTIONS = 10_000


UNDECIDED = "(?U:"
"""An expression that starts so (lazily, which is the same for a whole value) is never decided."""


class BadRegex(ValueError):
    """RE2 does not accept the expression."""


@lru_cache(maxsize=128)
def _compiled(regex: str) -> re2._Regexp:
    escapes = _ESCAPED_PAIR.findall(regex) if "\\" in regex else ()
    if "C" in escapes:
        # RE2's "any byte"; Go's regexp does not have it.
        raise BadRegex("error parsing regexp: invalid escape sequence: `\\C`")
    try:
        return re2.compile(regex, _OPTIONS)
    except re2.error as error:
        raise BadRegex(f"error parsing regexp: {_message(error)}") from error


def _message(error: Exception) -> str:
    reason = error.args[0] if error.args else b""
    return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)


def check(regex: str) -> int:
    """Return the number of instructions it compiles to, 0 when it needs no compiling.

    That number is proportional to the time that compiling took. Raises BadRegex unless the expression
    compiles on its own: `a)|(b` would not stay inside the group that it is put into.
    """
    if len(regex) <= _SHORT and _PLAIN.fullmatch(regex):
        return 0  # every regular expression library compiles these
    if literals(regex) is not None:
        return 0
    size: int = _compiled(regex).programsize
    return size


def check_rule(regex: str) -> None:
    """Raise BadRegex as `check` does, and for an unclosed `\\Q`, which would swallow what is appended."""
    check(regex)
    try:
        _compiled(f"(?:{regex})")
    except BadRegex as error:
        raise BadRegex("error parsing regexp: missing \\E to close \\Q") from error


def matches(regex: str, value: str) -> bool:
    """Say whether the whole value matches."""
    if len(regex) > _SHORT:
        return _compiled(regex).fullmatch(value.encode()) is not None
    known = _branches(regex)
    if known is None:
        return _matches(regex, value)
    # Ten times faster than crossing into RE2, and by far the most frequent forms in rules.
    return (
        value in known.values
        or value.startswith(known.beginnings)
        or any(len(value) > len(one) and value.startswith(one) for one in known.longer)
    )


@lru_cache(maxsize=16384)
def _matches(regex: str, value: str) -> bool:
    return _compiled(regex).fullmatch(value.encode()) is not None


class Branches(NamedTuple):
    """An alternation of literals, of `literal.*` and of `literal.+`."""

    values: frozenset[str]
    beginnings: tuple[str, ...]
    longer: tuple[str, ...]


def branches(regex: str) -> Branches | None:
    """Take an expression apart that is such an alternation, else return None."""
    return _branches(regex) if len(regex) <= _SHORT else _branches.__wrapped__(regex)


@lru_cache(maxsize=4096)
def _branches(regex: str) -> Branches | None:
    values: frozenset[str] = frozenset()
    found: dict[str, list[str]] = {"*": [], "+": []}
    plain = [regex] if "\\" in regex else _BRANCH_EDGES.sub("", regex).split("|")
    for branch in plain:
        if (known := prefix(branch)) is not None:
            found[known[1]].append(known[0])
        elif (same := literals(branch)) is not None:
            values |= same
        else:
            return None
    return Branches(values, tuple(found["*"]), tuple(found["+"]))


def verdict(regex: str, value: str) -> bool | None:
    """Say whether the whole value matches for every supported Prometheus; None when that is not known.

    The tables behind `(?i)` and `\\p{…}` differ between versions of Go and RE2 outside ASCII, and
    the dot meets a newline in Prometheus 3 only. Where None, Prometheus has to decide. So it has for
    expressions so large that trying many values would take long.
    """
    if "\n" in value or regex.startswith(UNDECIDED):
        return None
    if not (value.isascii() and regex.isascii()):
        flags = regex.replace("(?:", "")
        if "(?" in flags or "\\p" in flags or "\\P" in flags:
            return None
    if len(regex) > _SHORT and check(regex) > _MOST_INSTRUCTIONS:
        return None
    return matches(regex, value)


def literals(regex: str) -> frozenset[str] | None:
    """Return the values that the expression matches when it is an alternation of plain strings, else None.

    One pair of parentheses around the whole is looked through: `(a|b)`, `(?:a|b)`.
    """
    return _literals(regex) if len(regex) <= _SHORT else _literals.__wrapped__(regex)


@lru_cache(maxsize=4096)
def _literals(regex: str) -> frozenset[str] | None:
    if regex.startswith("(") and regex.endswith(")"):
        regex = regex[3:-1] if regex.startswith("(?:") else regex[1:-1]
    if "\\" not in regex:
        return frozenset(regex.split("|")) if _META.isdisjoint(regex.replace("|", "")) else None
    branches = [""]
    characters = iter(regex)
    for character in characters:
        if character == "|":
            branches.append("")
            continue
        if character == "\\":
            character = next(characters, "a")
            if not character.isascii() or character.isalnum():
                return None  # \d, \x41, \Q and so on; before a punctuation mark it only quotes
        elif character in _META:
            return None
        branches[-1] += character
    return frozenset(branches)


def prefix(regex: str) -> tuple[str, str] | None:
    """Split `literal.*` and `literal.+` into the literal and the last character, else None."""
    return _prefix(regex) if len(regex) <= _SHORT else None


@lru_cache(maxsize=4096)
def _prefix(regex: str) -> tuple[str, str] | None:
    found = _PREFIX.match(regex)
    if found is None:
        return None
    return _ESCAPED_PAIR.sub(r"\1", found[1]), found[2]


def quote_meta(value: str) -> str:
    """Quote a literal as Go's regexp.QuoteMeta does."""
    if _META.isdisjoint(value):
        return value
    return "".join("\\" + character if character in _META else character for character in value)


def alternation(values: list[str]) -> str:
    """Return an expression that matches exactly these values."""
    return "|".join(map(quote_meta, values))


def holds(op: str, operand: str, value: str) -> bool:
    """Say whether a matcher with this operator and operand accepts a label's value."""
    match op:
        case "=":
            return value == operand
        case "!=":
            return value != operand
    finite = literals(operand)
    matched = value in finite if finite is not None else matches(operand, value)
    return matched if op == "=~" else not matched
