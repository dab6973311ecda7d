"""A rule as one constraint per label, and the shortest list of such rules with the same union."""

from collections.abc import Callable, Iterable

from tenantry_promql.constraints import (
    ANY,
    NOTHING,
    Constraint,
    conjunction,
    from_matcher,
    implies,
    to_matchers,
)
from tenantry_promql.syntax import METRIC_NAME, Matcher

type Rule = tuple[tuple[str, Constraint], ...]
"""A conjunction: label and constraint, sorted by label, no label twice, none of them ANY."""

TRUE: Rule = ()
"""The rule that every series satisfies."""


def constraints_of(
    matchers: Iterable[Matcher],
    both: Callable[[Constraint, Constraint], Constraint] = conjunction,
) -> dict[str, Constraint]:
    """Return one constraint per label."""
    found: dict[str, Constraint] = {}
    for label, op, value in matchers:
        constraint = from_matcher(op, value)
        found[label] = both(found[label], constraint) if label in found else constraint
    return found


def rule_of(constraints: Iterable[tuple[str, Constraint]]) -> Rule | None:
    """Bring constraints into normal form; None when nothing can satisfy them."""
    kept = sorted((pair for pair in constraints if pair[1] != ANY), key=_label)
    if any(constraint == NOTHING for _, constraint in kept):
        return None
    return tuple(kept)


def _label(pair: tuple[str, Constraint]) -> str:
    return pair[0]


def matchers_of(rule: Rule) -> tuple[Matcher, ...]:
    """Print a rule, always in the same order of matchers."""
    return tuple(matcher for label, part in rule for matcher in to_matchers(label, part))


def name_condition(rule: Rule) -> Constraint:
    """Return what a rule demands of the metric name."""
    for label, constraint in rule:
        if label == METRIC_NAME:
            return constraint
    return ANY


def without_name(rule: Rule) -> Rule:
    """Return what a rule demands besides the metric name."""
    return tuple([pair for pair in rule if pair[0] != METRIC_NAME])


def conjoin(a: Rule, b: Rule) -> Rule | None:
    """Return the rule that holds where both hold, None where they contradict each other."""
    merged = dict(a)
    for label, constraint in b:
        known = merged.get(label, ANY)
        merged[label] = conjunction(known, constraint)
    return rule_of(merged.items())


def rule_implies(a: Rule, b: Rule) -> bool:
    """Say whether every series of `a` certainly satisfies `b`."""
    known = dict(a)
    return all(label in known and implies(known[label], constraint) for label, constraint in b)
