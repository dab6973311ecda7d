"""A tenant's rules as `extra_filters[]`, by which VictoriaMetrics restricts every selector itself; pure.

It keeps of each selector the series that some filter matches, before anything is computed: a query goes
there as it was written, and sees what it would see of a server with the permitted series only. That is
so where both servers read a filter in the same way: equality, and expressions that are alternatives of
plain texts. Of other expressions the dot matches a line feed in Prometheus only, so these rules take
the usual way, by rewriting.
"""

import re

import tenantry_promql as promql
from tenantry_promql import Matcher

PARAMETER = "extra_filters[]"
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_SPECIAL = frozenset(("__graphite__", "vm_account_id", "vm_project_id"))
"""Labels that VictoriaMetrics takes for something else."""
_PLAIN = re.compile(r"[A-Za-z0-9_:/@%&=,;<> -]*(\|[A-Za-z0-9_:/@%&=,;<> -]*)*")
_TEXT = re.compile(r"[ -~]*")
_MOST = 64


def of(rules: promql.RuleSet) -> tuple[str, ...] | None:
    """Return the filters whose union is what rules permit; None where these cannot say it exactly.

    Never empty: without any filter everything would be permitted.
    """
    if rules.is_empty or rules.permits_everything or len(rules.rules) > _MOST:
        return None
    if not all(_is_exact(matcher) for rule in rules.rules for matcher in rule):
        return None
    return tuple(map(promql.format_selector, rules.rules))


def _is_exact(matcher: Matcher) -> bool:
    if matcher.label in _SPECIAL or not _LABEL.fullmatch(matcher.label):
        return False
    pattern = _TEXT if matcher.op in ("=", "!=") else _PLAIN
    return pattern.fullmatch(matcher.value) is not None
