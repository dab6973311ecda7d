"""`tenantry explain`: what becomes of a tenant's query and why, with the rules in force or in files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from query_gateway import policies, route
from tenant_controller import catalogue, compile, config, platform_settings
from tenantry_cli import manifests, snapshot
from tenantry_common import bus, errors
from tenantry_common.contracts import TenantPolicy
from tenantry_promql import Upstream
from tenantry_promql.explain import Explanation, Outcome, explain_query
from tenantry_promql.rules import RuleSet

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

    rules: RuleSet
    upstream: Upstream


async def in_force(connection: bus.Bus, tenant: str) -> Ground:
    """Return what the gateways go by now. Raises `errors.TenantryError` for an unknown tenant."""
    taken = await snapshot.take(connection)
    return Ground(_rules(taken.policies, tenant), route.strictest(taken.backends))


def in_files(paths: Sequence[Path], tenant: str) -> Ground:
    """Return what the manifests in `paths` mean, with no boundary and a server of unknown version."""
    found = catalogue.read(manifests.texts(paths))
    platform = platform_settings.parse(config.Config(folder=config.Folder(path=".")))
    desired = compile.everything(found, platform)
    return Ground(_rules(tuple(desired.policies.values()), tenant), Upstream.strictest())


def _rules(known: Sequence[TenantPolicy], tenant: str) -> RuleSet:
    for policy in known:
        if policy.tenant == tenant:
            return RuleSet(policies.matchers(rule) for rule in policy.rules)
    names = ", ".join(sorted(policy.tenant for policy in known)) or "none"
    raise errors.TenantryError(f'the tenant "{tenant}" is not known (known: {names})')


def explain(ground: Ground, query: str) -> Explanation:
    """Explain `query`. Raises `tenantry_promql.PromQLError` for what is no PromQL."""
    return explain_query(query, ground.rules, upstream=ground.upstream)


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
