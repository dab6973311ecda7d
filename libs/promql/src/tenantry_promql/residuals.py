"""What each rule still demands of a series that a selector has already chosen."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tenantry_promql import constraints
from tenantry_promql.constraints import ANY, NOTHING, Constraint, Fin
from tenantry_promql.normalform import TRUE, Rule, constraints_of
from tenantry_promql.rule_index import Narrowed, RuleIndex
from tenantry_promql.simplify import simplify
from tenantry_promql.syntax import Matcher

_MANY = 2048
"""With more values than this, trying each against expressions is left to Prometheus."""


class Residuals(NamedTuple):
    """What rules still demand, and what it took to find out."""

    rules: tuple[Rule, ...]
    effort: int
    """How many rules were compared with the selector, and how many values tried against expressions."""


def residuals(selector: Narrowed, rules: RuleIndex) -> Residuals:
    """Return rules with: S AND permitted == OR of (S AND residual).

    `()` means that the selector selects nothing permitted, `(TRUE,)` that it needs no restriction.
    A label that the selector pins with `=` was decided by narrowing and never occurs in a residual,
    unless versions of Prometheus may disagree about it (`regexes.verdict`).
    """
    known = constraints_of(selector.others, constraints.cautious_conjunction)
    if NOTHING in known.values():
        return Residuals((), 0)
    candidates, changed = rules.left(selector, known)
    if not known:
        # Some of the rules as they were are as simple as all of them.
        simplified = simplify(candidates) if changed else candidates
        return Residuals(tuple(simplified), len(candidates))
    effort = 0
    while True:
        left: list[Rule] = []
        for rule in candidates:
            demanded, tried = _residual(known, rule)
            effort += 1 + tried
            if demanded == TRUE:
                return Residuals((TRUE,), effort)
            if demanded is not None:
                left.append(demanded)
                changed = changed or demanded is not rule
        simplified = simplify(left) if changed else left
        about = [label for rule in simplified for label, _ in rule]
        if len(simplified) == len(left) or known.keys().isdisjoint(about):
            return Residuals(tuple(simplified), effort)
        # A merged residual may be one that the selector implies.
        candidates, changed = simplified, False


def conflicts(matchers: Sequence[Matcher], rule: Rule) -> tuple[str, ...]:
    """Return the labels of which a selector and a rule demand different values; empty if they agree."""
    known = constraints_of(matchers, constraints.cautious_conjunction)
    impossible = tuple(label for label, have in known.items() if have == NOTHING)
    return impossible or tuple(
        label
        for label, wanted in rule
        if label in known and _demand(known[label], wanted) == NOTHING
    )


def _residual(known: Mapping[str, Constraint], rule: Rule) -> tuple[Rule | None, int]:
    """Return what one rule still demands, and how many values were tried.

    None for a contradiction; the rule itself, the same object, when nothing of it is decided.
    """
    for label, _ in rule:
        if label in known:
            break
    else:
        return rule, 0
    demanded: list[tuple[str, Constraint]] = []
    tried = 0
    changed = False
    for pair in rule:
        label, wanted = pair
        have = known.get(label)
        if have is None:
            demanded.append(pair)
            continue
        if isinstance(have, Fin) != isinstance(wanted, Fin):
            tried += len(have.values if isinstance(have, Fin) else wanted.values)  # type: ignore[union-attr]
        left = _demand(have, wanted)
        if left == NOTHING:
            return None, tried
        if left != ANY:
            demanded.append((label, left))
        changed = changed or left != wanted
    return tuple(demanded) if changed else rule, tried


def _demand(have: Constraint, wanted: Constraint) -> Constraint:
    """Return what to add to `have` so that together they are `have AND wanted`."""
    if isinstance(have, Fin):
        if isinstance(wanted, Fin):
            common = have.values & wanted.values
            return ANY if len(common) == len(have.values) else Fin(common)
        if len(have.values) == 1:
            (value,) = have.values
            verdict = constraints.verdict(wanted, value)
            return wanted if verdict is None else ANY if verdict else NOTHING
        if len(have.values) > _MANY and wanted.has_regexes:
            return wanted
        accepted = []
        for value in have.values:
            verdict = constraints.verdict(wanted, value)
            if verdict is None:
                return wanted
            if verdict:
                accepted.append(value)
        return ANY if len(accepted) == len(have.values) else Fin(frozenset(accepted))
    if isinstance(wanted, Fin):
        if len(wanted.values) > _MANY and have.has_regexes:
            return wanted
        return constraints.cautious_conjunction(wanted, have)
    if constraints.disjoint(have, wanted):
        return NOTHING
    return constraints.remainder(have, wanted)
