"""What the dot of a regular expression means: Prometheus 2 does not let it match a newline.

A rule means what Prometheus 3 makes of it, whatever server answers. A selector means what the server
that answers makes of it. Where the two differ, both are written out: `(?s:…)` is put around the
rule's expressions that are sent, `(?-s:…)` around the selector's that are reasoned about. Metric
names are left alone, a stored one holds no newline in Prometheus 2.
"""

from collections.abc import Sequence

from tenantry_promql import regexes
from tenantry_promql.constraints import Cof, Constraint
from tenantry_promql.doubtful import spelt_out
from tenantry_promql.normalform import Rule
from tenantry_promql.syntax import METRIC_NAME, Matcher


def as_asked(matchers: Sequence[Matcher]) -> tuple[Matcher, ...]:
    """Return a selector's matchers as Prometheus 2 understands them."""
    return tuple(
        Matcher(label, op, f"(?-s:{value})")
        if op in ("=~", "!~") and label != METRIC_NAME and _has_dot(value)
        else Matcher(label, op, value)
        for label, op, value in matchers
    )


def as_meant(rule: Rule) -> Rule:
    """Return a rule in such words that Prometheus 2 understands what Prometheus 3 would."""
    return tuple((label, part if label == METRIC_NAME else _explicit(part)) for label, part in rule)


def worded(matcher: Matcher) -> Matcher:
    """Return a rule's matcher in such words that every server understands what Prometheus 3 should."""
    label, op, value = matcher
    if op not in ("=~", "!~"):
        return matcher
    return Matcher(label, op, spelt_out(value if label == METRIC_NAME else _with_newline(value)))


def _explicit(part: Constraint) -> Constraint:
    if not isinstance(part, Cof) or not part.has_regexes:
        return part
    return Cof(
        part.excluded,
        frozenset(map(_with_newline, part.positive)),
        frozenset(map(_with_newline, part.negative)),
    )


def _with_newline(regex: str) -> str:
    return f"(?s:{regex})" if _has_dot(regex) else regex


def _has_dot(regex: str) -> bool:
    return "." in regex and regexes.literals(regex) is None
