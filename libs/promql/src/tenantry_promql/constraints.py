"""The set of values that a conjunction of matchers leaves to one label, and the algebra of such sets.

The decisions here are sound and incomplete: True is certain, False may mean "don't know". What is
not known costs an injected matcher or one more piece, never a wrong answer.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from tenantry_promql import regexes
from tenantry_promql.syntax import Matcher, MatchOp

_NONE: frozenset[str] = frozenset()
_SHORT = 128  # longer matchers are not remembered, so that the memory for them stays small


class Fin(NamedTuple):
    """Exactly these values; "" is the value of a label that is missing."""

    values: frozenset[str]


class Cof(NamedTuple):
    """All values but a few literals, matching all positive and no negative expressions."""

    excluded: frozenset[str] = _NONE
    positive: frozenset[str] = _NONE
    negative: frozenset[str] = _NONE

    @property
    def has_regexes(self) -> bool:
        return bool(self.positive or self.negative)


type Constraint = Fin | Cof

ANY = Cof()
NOTHING = Fin(_NONE)


def from_matcher(op: MatchOp, value: str) -> Constraint:
    """Return the values that one matcher accepts."""
    return _from_short(op, value) if len(value) <= _SHORT else _from(op, value)


@lru_cache(maxsize=4096)
def _from_short(op: MatchOp, value: str) -> Constraint:
    return _from(op, value)


def _from(op: MatchOp, value: str) -> Constraint:
    match op:
        case "=":
            return Fin(frozenset((value,)))
        case "!=":
            return Cof(excluded=frozenset((value,)))
        case "=~":
            if (finite := regexes.literals(value)) is not None:
                return Fin(finite)
            if value == ".*":
                return ANY
            if value == ".+":
                return Cof(excluded=frozenset(("",)))
            return Cof(positive=frozenset((value,)))
        case "!~":
            if (finite := regexes.literals(value)) is not None:
                return Cof(excluded=finite)
            if value == ".*":
                return NOTHING
            if value == ".+":
                return Fin(frozenset(("",)))
            return Cof(negative=frozenset((value,)))


def to_matchers(label: str, constraint: Constraint) -> tuple[Matcher, ...]:
    """Print a constraint; the inverse of `from_matcher` and `conjunction`, in one canonical order."""
    if isinstance(constraint, Fin):
        values = sorted(constraint.values)
        if len(values) == 1:
            return (Matcher(label, "=", values[0]),)
        return (Matcher(label, "=~", regexes.alternation(values)),)
    printed = []
    if constraint.excluded:
        values = sorted(constraint.excluded)
        if len(values) == 1:
            printed.append(Matcher(label, "!=", values[0]))
        else:
            printed.append(Matcher(label, "!~", regexes.alternation(values)))
    printed.extend(Matcher(label, "=~", regex) for regex in sorted(constraint.positive))
    printed.extend(Matcher(label, "!~", regex) for regex in sorted(constraint.negative))
    return tuple(printed)


def accepts(constraint: Constraint, value: str) -> bool:
    """Say whether the value is in the set, as RE2 sees it."""
    if isinstance(constraint, Fin):
        return value in constraint.values
    return (
        value not in constraint.excluded
        and all(regexes.matches(regex, value) for regex in constraint.positive)
        and not any(regexes.matches(regex, value) for regex in constraint.negative)
    )


def verdict(constraint: Constraint, value: str) -> bool | None:
    """Say whether the value is in the set for every supported Prometheus; None when that is not known."""
    if isinstance(constraint, Fin):
        return value in constraint.values
    if value in constraint.excluded:
        return False
    known = True
    for regex in constraint.positive:
        matched = regexes.verdict(regex, value)
        if matched is False:
            return False
        known = known and matched is not None
    for regex in constraint.negative:
        matched = regexes.verdict(regex, value)
        if matched:
            return False
        known = known and matched is not None
    return True if known else None


def conjunction(a: Constraint, b: Constraint) -> Constraint:
    """Return the values that are in both sets. Exact, with RE2 as the judge."""
    if isinstance(a, Fin):
        return Fin(frozenset(value for value in a.values if accepts(b, value)))
    if isinstance(b, Fin):
        return conjunction(b, a)
    both = Cof(a.excluded | b.excluded, a.positive | b.positive, a.negative | b.negative)
    return NOTHING if any(_excludes_match(both, regex) for regex in both.positive) else both


def cautious_conjunction(a: Constraint, b: Constraint) -> Constraint:
    """Return at least the values that are in both sets: one whose membership is uncertain stays."""
    if isinstance(a, Fin):
        return Fin(frozenset(value for value in a.values if verdict(b, value) is not False))
    if isinstance(b, Fin):
        return cautious_conjunction(b, a)
    return conjunction(a, b)


def implies(a: Constraint, b: Constraint) -> bool:
    """Say whether every value of `a` is certainly in `b`."""
    if a == b or b == ANY:
        return True
    if isinstance(b, Fin):
        return isinstance(a, Fin) and a.values <= b.values
    if isinstance(a, Fin):
        return all(verdict(b, value) is True for value in a.values)
    return (
        all(verdict(a, value) is False for value in b.excluded)
        and all(_implies_match(a, regex) for regex in b.positive)
        and all(_excludes_match(a, regex) for regex in b.negative)
    )


def remainder(known: Constraint, wanted: Cof) -> Constraint:
    """Drop from `wanted` what `known` already implies: known AND wanted == known AND remainder."""
    if isinstance(known, Fin):
        return wanted
    return Cof(
        frozenset(value for value in wanted.excluded if verdict(known, value) is not False),
        frozenset(regex for regex in wanted.positive if not _implies_match(known, regex)),
        frozenset(regex for regex in wanted.negative if not _excludes_match(known, regex)),
    )


def disjoint(a: Constraint, b: Constraint) -> bool:
    """Say whether certainly no value is in both sets."""
    if isinstance(a, Fin):
        if isinstance(b, Fin):
            return a.values.isdisjoint(b.values)
        return all(verdict(b, value) is False for value in a.values)
    if isinstance(b, Fin):
        return disjoint(b, a)
    return any(_excludes_match(b, regex) for regex in a.positive) or any(
        _excludes_match(a, regex) for regex in b.positive
    )


def _implies_match(a: Cof, regex: str) -> bool:
    return regex in a.positive or any(_regex_implies(known, regex) for known in a.positive)


def _excludes_match(a: Cof, regex: str) -> bool:
    return any(
        negative == regex or _regex_implies(regex, negative) for negative in a.negative
    ) or any(_regexes_disjoint(positive, regex) for positive in a.positive)


def _regex_implies(narrow: str, wide: str) -> bool:
    # `ab.*` implies `a.*`; `a.+` implies `a.*`; `ab.*` implies `a.+`.
    inner, outer = regexes.prefix(narrow), regexes.prefix(wide)
    if inner is None or outer is None or not inner[0].startswith(outer[0]):
        return False
    return outer[1] == "*" or inner[1] == "+" or len(inner[0]) > len(outer[0])


def _regexes_disjoint(a: str, b: str) -> bool:
    left, right = regexes.prefix(a), regexes.prefix(b)
    if left is None or right is None:
        return False
    return not left[0].startswith(right[0]) and not right[0].startswith(left[0])


def complement(constraint: Constraint) -> tuple[Constraint, ...]:
    """Return pairwise disjoint sets that together are everything outside the set."""
    if isinstance(constraint, Fin):
        return (Cof(excluded=constraint.values),)
    parts: list[Constraint] = []
    inside: Constraint = ANY
    steps: list[tuple[Constraint, Constraint]] = []
    if constraint.excluded:
        steps.append((Fin(constraint.excluded), Cof(excluded=constraint.excluded)))
    for regex in sorted(constraint.positive):
        one = frozenset((regex,))
        steps.append((Cof(negative=one), Cof(positive=one)))
    for regex in sorted(constraint.negative):
        one = frozenset((regex,))
        steps.append((Cof(positive=one), Cof(negative=one)))
    for outside, kept in steps:
        parts.append(conjunction(inside, outside))
        inside = conjunction(inside, kept)
    return tuple(part for part in parts if part != NOTHING)


def union(constraints: Iterable[Constraint]) -> list[Constraint]:
    """Merge sets as far as one set can say it; together they hold the same values as before.

    Finite sets merge, sets that exclude literals only merge, single expressions become one
    alternation. Anything else stays as it is.
    """
    finite: set[str] = set()
    excluded: frozenset[str] | None = None
    expressions: set[str] = set()
    rest: list[Constraint] = []
    for constraint in constraints:
        if isinstance(constraint, Fin):
            finite |= constraint.values
        elif not constraint.has_regexes:
            excluded = constraint.excluded if excluded is None else excluded & constraint.excluded
        elif constraint == Cof(positive=constraint.positive) and len(constraint.positive) == 1:
            expressions |= constraint.positive
        elif constraint not in rest:
            rest.append(constraint)
    if excluded is not None:
        # Whatever the others hold is needed only where it was excluded.
        merged = Cof(excluded=excluded - finite)
        others = [Cof(positive=frozenset((regex,))) for regex in sorted(expressions)] + rest
        return [merged, *(other for other in others if not implies(other, merged))]
    if not expressions:
        return ([Fin(frozenset(finite))] if finite else []) + rest
    return [_alternation(finite, expressions), *rest]


def _alternation(finite: set[str], expressions: set[str]) -> Cof:
    # Each operand in its own group, so that an (?i) stays inside.
    values = sorted(
        value for value in finite if not any(regexes.verdict(regex, value) for regex in expressions)
    )
    branches = sorted(expressions)
    if values:
        branches.append(regexes.alternation(values))
    if len(branches) == 1:
        return Cof(positive=frozenset(branches))
    return Cof(positive=frozenset(("|".join(f"(?:{branch})" for branch in branches),)))
