"""A selector's residuals as pieces of text, in an order in which `or` loses nothing."""

import re
from functools import lru_cache
from typing import NamedTuple

from tenantry_promql import constraints, doubtful, regexes
from tenantry_promql.constraints import ANY, Constraint, Fin, to_matchers
from tenantry_promql.literals import quote
from tenantry_promql.normalform import TRUE, Rule, name_condition
from tenantry_promql.syntax import METRIC_NAME, Matcher

_LEGACY_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
# Labels that no stored series has: rules and queries that name them are refused.
RESERVED_PREFIX = "__tenantry_"
NAME_TAG = "__tenantry_name__"
_NEVER = "__tenantry_never__"

NOTHING_TEXT = f'{_NEVER}=~".+",{_NEVER}!~".+"'
"""Contradictory whatever is stored; has no `=`, so that absent() makes no label of it."""

_MOST_ORDERED = 256  # finding an order takes quadratic time, and `Limits.pieces` is smaller by far


class Pieces(NamedTuple):
    """How one selector is split: for each piece the matchers to inject."""

    rules: tuple[Rule, ...]
    in_order: bool
    """Whether `or` in this order loses nothing (Theorem 1)."""
    injected: tuple[str, ...]
    """One text per rule."""
    labels: frozenset[str]
    """The labels on which matchers are injected."""
    quotes_labels: bool
    """Whether a label name is injected that only Prometheus 3 can read."""
    effort: int
    """What it took to find the residuals (`Residuals.effort`)."""

    @property
    def is_unrestricted(self) -> bool:
        """Whether nothing has to be injected."""
        return self.rules == (TRUE,)


def pieces_of(residuals: tuple[Rule, ...], effort: int) -> Pieces:
    """Order residuals, widest name condition first, and print them."""
    labels = frozenset([label for rule in residuals for label, _ in rule])
    ordered: tuple[Rule, ...] | None = residuals
    if METRIC_NAME in labels and len(residuals) > 1:
        ordered = _in_order(residuals) if len(residuals) <= _MOST_ORDERED else None
    rules = residuals if ordered is None else ordered
    return Pieces(
        rules,
        in_order=ordered is not None,
        injected=tuple(map(injected_text, rules)),
        labels=labels,
        quotes_labels=not all(map(is_legacy_name, labels)),
        effort=effort,
    )


def _in_order(residuals: tuple[Rule, ...]) -> tuple[Rule, ...] | None:
    """Theorem 1: put next a piece that hides nothing of those still to come, as long as there is one.

    Choosing greedily misses no order: a piece that may come first may come first in every valid order.
    """
    ordered = [rule for rule in residuals if name_condition(rule) == ANY]
    waiting = [rule for rule in residuals if name_condition(rule) != ANY]
    if len(waiting) == len(residuals) and len(set(map(name_condition, residuals))) == 1:
        return residuals
    while waiting:
        for rule in waiting:
            if all(other is rule or _may_precede(rule, other) for other in waiting):
                break
        else:
            return None
        waiting.remove(rule)
        ordered.append(rule)
    return tuple(ordered)


def _may_precede(first: Rule, later: Rule) -> bool:
    """Say whether no series of `first` can hide one of `later` from `or`."""
    if constraints.implies(name_condition(later), name_condition(first)):
        return True
    after = dict(later)
    return any(
        label != METRIC_NAME and label in after and constraints.disjoint(part, after[label])
        for label, part in first
    )


def injected_text(rule: Rule) -> str:
    """Print the matchers to append inside the braces."""
    return ",".join([_condition_text(label, constraint) for label, constraint in rule])


@lru_cache(maxsize=4096)
def _condition_text(label: str, constraint: Constraint) -> str:
    return ",".join(
        [matcher_text(doubtful.worded(matcher)) for matcher in to_matchers(label, constraint)]
    )


def absent_text(rule: Rule) -> str:
    """Print them without any `=`, of which absent() would make an output label (Theorem 4)."""
    return ",".join([_absent_condition_text(label, constraint) for label, constraint in rule])


@lru_cache(maxsize=4096)
def _absent_condition_text(label: str, constraint: Constraint) -> str:
    if isinstance(constraint, Fin) and len(constraint.values) == 1:
        (value,) = constraint.values
        return matcher_text(Matcher(label, "=~", regexes.quote_meta(value)))
    return _condition_text(label, constraint)


def matcher_text(matcher: Matcher) -> str:
    """Print one matcher."""
    label, op, value = matcher
    return f"{label if is_legacy_name(label) else quote(label)}{op}{quote(value)}"


@lru_cache(maxsize=1024)
def is_legacy_name(label: str) -> bool:
    """Say whether a label name may stand without quotes, as all had to before Prometheus 3."""
    return _LEGACY_NAME.fullmatch(label) is not None
