"""`tenantry explain`: what becomes of a tenant's query and why, with the rules in force or in files."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Group, RenderableType
from rich.json import JSON
from rich.table import Table
from rich.text import Text

from query_gateway import policies, route
from query_gateway.failures import Failure
from query_gateway.permission import Permission
from query_gateway.route import Route
from query_gateway.shards import explanation as shards_explanation
from tenant_controller import catalogue, compile, config, platform_settings
from tenantry_cli import manifests, snapshot
from tenantry_common import bus, errors
from tenantry_common.contracts import TenantPolicy
from tenantry_promql import Limits, Upstream
from tenantry_promql.explain import Explanation, Outcome, explain_query

_STYLES = {
    Outcome.PERMITTED: "green",
    Outcome.RESTRICTED: "green",
    Outcome.SPLIT: "green",
    Outcome.EMPTY: "yellow",
    Outcome.REFUSED: "red",
}


@dataclass(frozen=True)
class Ground:
    """What a query is judged by: a tenant's rules, and what the backends can do."""

    permission: Permission
    upstream: Upstream
    routes: tuple[Route, ...] = ()
    """The shards that the tenant's queries are put together from, as far as backends are known."""


async def in_force(connection: bus.Bus, tenant: str) -> Ground:
    """Return what the gateways go by now. Raises `errors.TenantryError` for an unknown tenant."""
    taken = await snapshot.take(connection)
    permission = _permission(taken.policies, tenant)
    routes: tuple[Route, ...] = ()
    with contextlib.suppress(Failure):  # no backend is there; the rules can be explained still
        routes = permission.reached(route.routes(tenant, taken.backends))
    return Ground(permission, route.strictest(taken.backends), routes)


def in_files(paths: Sequence[Path], tenant: str) -> Ground:
    """Return what the manifests in `paths` mean, with no boundary and a server of unknown version."""
    found = catalogue.read(manifests.texts(paths))
    platform = platform_settings.parse(config.Config(folder=config.Folder(path=".")))
    desired = compile.everything(found, platform)
    return Ground(_permission(tuple(desired.policies.values()), tenant), Upstream.strictest())


def _permission(known: Sequence[TenantPolicy], tenant: str) -> Permission:
    for policy in known:
        if policy.tenant == tenant:
            return policies.permission(policy)
    names = ", ".join(sorted(policy.tenant for policy in known)) or "none"
    raise errors.TenantryError(f'the tenant "{tenant}" is not known (known: {names})')


def explain(ground: Ground, query: str) -> Explanation:
    """Explain `query`. Raises `tenantry_promql.PromQLError` for what is no PromQL."""
    return explain_query(query, ground.permission.anywhere, upstream=ground.upstream)


def over_shards(ground: Ground, query: str) -> RenderableType | None:
    """Return the plan of a query that several shards answer, as JSON; None where one answers."""
    if len(ground.routes) < 2:
        return None
    found = shards_explanation.explanation(query, ground.permission, ground.routes, Limits())
    return Group(Text("over several shards:"), JSON.from_data(found))


def render(explanation: Explanation) -> RenderableType:
    """Return a table of the query's selectors, then what is sent upstream or why nothing is."""
    table = Table(show_lines=True)
    for column in ("at", "selector", "outcome", "admitted by", "added, or why"):
        table.add_column(column, overflow="fold")
    for selector in explanation.selectors:
        why = selector.injected or (
            (selector.reason,)
            if selector.reason
            else tuple(f"{c.rule}: other {', '.join(c.labels)}" for c in selector.conflicts)
        )
        table.add_row(
            str(selector.position),
            Text(selector.text),
            Text(selector.outcome.value, style=_STYLES[selector.outcome]),
            Text("\n".join(selector.admitted_by)),
            Text("\n".join(why)),
        )
    if explanation.refusal:
        return Group(table, Text(explanation.refusal, style="red"))
    return Group(table, *(Text(query, style="bold") for query in explanation.rewritten))
