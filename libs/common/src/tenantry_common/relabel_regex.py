"""The regular expressions of relabel rules: RE2, anchored, as Prometheus 3 compiles them; pure."""

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import re2

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False
_OPTIONS.dot_nl = True

_ESCAPED_PAIR = re.compile(r"\\(.)", re.DOTALL)
_EVERYTHING = "(.*)"
_REMEMBERED = 1024


@dataclass(frozen=True, slots=True)
class Groups:
    """What the parts of a match hold; a part that took no part in it holds the empty text."""

    numbered: tuple[str, ...]
    """Index 0 is the whole match."""
    named: Mapping[str, str]


type Match = Callable[[str], Groups | None]


def problem(regex: str) -> str:
    """Return why `regex` is refused, or an empty text."""
    if "C" in _ESCAPED_PAIR.findall(regex):
        # RE2's "any byte", which Go's regular expressions do not have.
        return "error parsing regexp: invalid escape sequence: `\\C`"
    try:
        re2.compile(regex, _OPTIONS)
        # Once more as it will stand: an unclosed \Q would swallow what follows.
        re2.compile(f"(?:{regex})", _OPTIONS)
    except re2.error as error:
        reason = error.args[0] if error.args else b""
        text = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        return f"error parsing regexp: {text}"
    return ""


def matcher(regex: str) -> Match:
    """Return what tells the groups of a text that matches `regex` as a whole, else None.

    The expression must be one that `problem` finds no fault with.
    """
    if regex == _EVERYTHING:
        return lambda text: Groups((text, text), {})
    compiled = re2.compile(regex, _OPTIONS)

    @functools.lru_cache(maxsize=_REMEMBERED)  # series share names and most values
    def match(text: str) -> Groups | None:
        found = compiled.fullmatch(text)
        if found is None:
            return None
        return Groups((text, *found.groups("")), found.groupdict(""))

    return match
