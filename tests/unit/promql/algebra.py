"""A closed universe for brute force over the algebra of constraints and rules."""

from collections.abc import Iterable, Mapping
from itertools import product

from hypothesis import strategies as st

from tenantry_promql.constraints import Constraint, accepts, conjunction, from_matcher
from tenantry_promql.normalform import Rule, constraints_of, rule_of
from tenantry_promql.syntax import Matcher

VALUES = ("", "a", "ab", "abc", "b", "bc", "c", "A", "é", "x.y", "x|y", "a\nb")
_EXPRESSIONS = (
    *("a", "a|b", "a|", "a.*", "a.+", "ab.*", "b.*", ".*", ".+", "[ab]", "ab?c?", "(?i)a"),
    *("(?i)É", "(?:a|b)c?", "x\\.y", "x\\|y", "", "a.b", "[^a]*", "\\pL+"),
)

_CONDITIONS = st.one_of(
    st.tuples(st.sampled_from(("=", "!=")), st.sampled_from(VALUES)),
    st.tuples(st.sampled_from(("=~", "!~")), st.sampled_from(_EXPRESSIONS)),
)
LABELS = ("__name__", "job", "ns")
MATCHERS = st.builds(
    lambda label, condition: Matcher(label, *condition), st.sampled_from(LABELS), _CONDITIONS
)


def _conjoined(conditions: Iterable[tuple[str, str]]) -> Constraint:
    constraint = from_matcher("=~", ".*")
    for op, value in conditions:
        constraint = conjunction(constraint, from_matcher(op, value))  # type: ignore[arg-type]
    return constraint


CONSTRAINTS = st.lists(_CONDITIONS, min_size=1, max_size=3).map(_conjoined)

# Two values per label are enough to tell rules apart that differ, if the values are the same.
SERIES = [
    dict(zip(LABELS, values, strict=True))
    for values in product(("", "a", "ab", "b", "é"), repeat=3)
]


def values_of(constraint: Constraint) -> set[str]:
    return {value for value in VALUES if accepts(constraint, value)}


def _rule(matchers: list[Matcher]) -> Rule | None:
    return rule_of(constraints_of(matchers).items())


RULES = st.lists(MATCHERS, min_size=1, max_size=3).map(_rule).filter(lambda rule: rule is not None)


def holds(rule: Rule, labels: Mapping[str, str]) -> bool:
    return all(accepts(constraint, labels.get(label, "")) for label, constraint in rule)


def series_of(rules: Iterable[Rule]) -> set[int]:
    kept = list(rules)
    return {
        index for index, labels in enumerate(SERIES) if any(holds(rule, labels) for rule in kept)
    }
