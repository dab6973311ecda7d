"""Regular expressions that Prometheus may get wrong: spelt so that it cannot, and not reasoned about.

Prometheus (from 2.51 on) answers many expressions by comparing strings instead of running them, and
did so wrongly for some: `(?i)k.*` misses the Kelvin sign (#19167), `(?i)` over sixteen branches
takes `ﬁ` for `fi` (#19313), `[aA]|B` matches b (#19668), `.*-(x)-.*` matches `-x y-` (#18896). A rule
means what RE2 makes of it, so such ones are sent in a form that has to be run. A selector means what
the server makes of it, so nothing is decided about such ones.
"""

import contextlib
from collections.abc import Sequence
from functools import lru_cache

from tenantry_promql.regexes import UNDECIDED, BadRegex, check_rule
from tenantry_promql.syntax import Matcher

# The first part matches the empty text anywhere, and no shortcut knows it.
_BEFORE = r"(?:\b|\B)(?:"
_AFTER = r")(?:\b|\B)"
_HARMLESS = ("(?:", "(?s:", "(?-s:")


@lru_cache(maxsize=4096)
def is_doubtful(regex: str) -> bool:
    """Say whether it is more than literals, dots, repetitions and branches.

    Flags, classes and groups that capture are more. A backslash before a punctuation mark quotes it.
    """
    for group in _HARMLESS:
        regex = regex.replace(group, "")
    characters = iter(regex)
    for character in characters:
        if character in "([":
            return True
        if character == "\\" and next(characters, "a").isalnum():
            return True
    return False


def spelt_out(regex: str) -> str:
    """Return a rule's expression in a form that every server understands as RE2 does."""
    return f"{_BEFORE}{regex}{_AFTER}" if is_doubtful(regex) else regex


def worded(matcher: Matcher) -> Matcher:
    """Return a rule's matcher in such words."""
    label, op, value = matcher
    return Matcher(label, op, spelt_out(value)) if op in ("=~", "!~") else matcher


def as_asked(matchers: Sequence[Matcher]) -> tuple[Matcher, ...]:
    """Return a selector's matchers with the doubtful ones marked, so that nothing is decided by them."""
    return tuple(
        Matcher(label, op, _as_asked(value)) if op in ("=~", "!~") else Matcher(label, op, value)
        for label, op, value in matchers
    )


def _as_asked(regex: str) -> str:
    if not is_doubtful(regex):
        return regex
    if regex.startswith(_BEFORE) and regex.endswith(_AFTER):
        inside = regex[len(_BEFORE) : -len(_AFTER)]
        with contextlib.suppress(BadRegex):
            check_rule(inside)
            return inside  # spelt out already
    return f"{UNDECIDED}{regex})"
