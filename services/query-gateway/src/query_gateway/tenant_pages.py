"""Our own endpoints: what a tenant may see, and what becomes of its queries; pure.

Only these name rules and injected matchers, and only to the tenant whose they are.
"""

from collections.abc import Sequence

import tenantry_promql as promql
from query_gateway.enforce import explained
from query_gateway.permission import Permission
from query_gateway.route import Route
from query_gateway.shards.explanation import explanation as over_shards


def access(tenant: str, permission: Permission) -> dict[str, object]:
    """Return the selectors that a tenant holds. Their union is what it may see, some in some clusters."""
    rules = permission.everywhere
    return {
        "tenant": tenant,
        "selectors": list(map(promql.format_selector, rules.rules)),
        "everything": rules.permits_everything,
        "digest": rules.digest,
        "limited": [
            {
                "clusters": sorted(one.clusters),
                "selectors": list(map(promql.format_selector, one.rules.rules)),
            }
            for one in permission.limited
        ],
    }


def explanation(
    query: str,
    permission: Permission,
    upstream: promql.Upstream,
    limits: promql.Limits,
    routes: Sequence[Route] = (),
) -> dict[str, object]:
    """Return how a query is rewritten: which rule admits what, why a selector is empty or refused.

    Over several `routes` also how it is put together from what each shard answers. A refusal is part
    of the explanation. Raises `Failure` for what cannot be read.
    """
    rules = permission.within(routes[0].cluster) if len(routes) == 1 else permission.anywhere
    with explained("query"):
        found = promql.explain_query(query, rules, upstream=upstream, limits=limits)
    return {
        "query": found.query,
        "rewritten": list(found.rewritten),
        "refusal": found.refusal,
        "selectors": [_selector(one) for one in found.selectors],
        "overShards": over_shards(query, permission, routes, limits) if len(routes) > 1 else None,
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
