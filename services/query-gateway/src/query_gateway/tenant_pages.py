"""Our own endpoints: what a tenant may see, and what becomes of its queries; pure.

Only these name rules and injected matchers, and only to the tenant whose they are.
"""

import tenantry_promql as promql
from query_gateway.enforce import explained


def access(tenant: str, rules: promql.RuleSet) -> dict[str, object]:
    """Return the selectors that a tenant holds. Their union is what it may see."""
    return {
        "tenant": tenant,
        "selectors": list(map(promql.format_selector, rules.rules)),
        "everything": rules.permits_everything,
        "digest": rules.digest,
    }


def explanation(
    query: str, rules: promql.RuleSet, upstream: promql.Upstream, limits: promql.Limits
) -> dict[str, object]:
    """Return how a query is rewritten: which rule admits what, why a selector is empty or refused.

    A refusal is part of the explanation. Raises `Failure` for what cannot be read.
    """
    with explained("query"):
        found = promql.explain_query(query, rules, upstream=upstream, limits=limits)
    return {
        "query": found.query,
        "rewritten": list(found.rewritten),
        "refusal": found.refusal,
        "selectors": [_selector(one) for one in found.selectors],
    }


def _selector(one: promql.SelectorExplanation) -> dict[str, object]:
    return {
        "line": one.position.line,
        "column": one.position.column,
        "text": one.text,
        "outcome": str(one.outcome),
        "admittedBy": list(one.admitted_by),
        "injected": list(one.injected),
        "conflicts": [{"rule": it.rule, "labels": list(it.labels)} for it in one.conflicts],
        "reason": one.reason,
    }
