"""How a query is answered over several shards, as data for people and programs; pure.

What each shard is asked, rewritten for the rules that count there, and how the answers are merged and
computed with.
"""

from collections.abc import Sequence

import tenantry_promql as promql
from query_gateway.failures import Failure
from query_gateway.permission import Permission
from query_gateway.route import Route
from query_gateway.shards import assembly, plans, routing
from query_gateway.shards.plans import Plan
from tenantry_promql.operations import Grouping, Matching

type Data = dict[str, object]


def explanation(
    query: str, permission: Permission, routes: Sequence[Route], limits: promql.Limits
) -> Data:
    """Return what becomes of a query over these shards. A refusal is part of it.

    Raises `Failure` for what cannot be read.
    """
    shards = [{"name": one.shard, "cluster": one.cluster} for one in routes]
    found: Data = {"shards": shards, "refusal": "", "plan": None, "requests": []}
    try:
        if (only := routing.only(query, routes, limits)) is not None:
            request = _request(query, only, permission, limits)
            return {**found, "plan": {"whole": only.shard}, "requests": [request]}
        plan = routing.plan(query, routes, limits)
        by_shard = {one.shard: one for one in routes}
        requests = [
            _request(one.fetch.query, by_shard[one.shard], permission, limits)
            for one in assembly.wanted(plan, tuple(by_shard))
        ]
    except Failure as failure:
        if failure.kind not in ("refused", "limit"):
            raise
        return {**found, "refusal": failure.text}
    return {**found, "plan": described(plan), "requests": requests}


def _request(query: str, route: Route, permission: Permission, limits: promql.Limits) -> Data:
    rules = permission.within(route.cluster)
    try:
        rewritten = promql.rewrite_query(query, rules, upstream=route.upstream, limits=limits)
    except (promql.Refused, promql.LimitExceeded) as error:
        raise Failure("refused", str(error)) from error
    return {"shard": route.shard, "query": query, "rewritten": list(rewritten.queries)}


def described(plan: Plan) -> Data:
    """Return a plan as data: each node says what is done, and of what."""
    match plan:
        case plans.Fetch():
            return {"fetch": plan.query, "merge": plan.merge}
        case plans.Number():
            return {"number": plan.value}
        case plans.Negated():
            return {"negate": described(plan.inner)}
        case plans.Mean():
            return {"divide": [described(plan.sums), described(plan.counts)]}
        case plans.Aggregated():
            parameter = {} if plan.parameter is None else {"parameter": described(plan.parameter)}
            grouping = _grouping(plan.grouping)
            return {"aggregate": plan.op, **grouping, **parameter, "of": described(plan.inner)}
        case plans.Combined():
            matching = {} if plan.matching is None else {"matching": _matching(plan.matching)}
            sides = [described(plan.left), described(plan.right)]
            return {"operator": plan.op, "bool": plan.returns_bool, **matching, "of": sides}
        case plans.Applied():
            arguments = [*map(described, plan.arguments), *({"text": one} for one in plan.texts)]
            return {"function": plan.function, "of": arguments}


def _grouping(grouping: Grouping) -> Data:
    return {"without" if grouping.without else "by": list(grouping.labels)}


def _matching(matching: Matching) -> Data:
    labels = {"on" if matching.on else "ignoring": list(matching.labels)}
    return {**labels, "cardinality": matching.cardinality, "include": list(matching.include)}
