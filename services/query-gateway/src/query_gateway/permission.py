"""What a tenant may see: rules that count everywhere, and others that count in some clusters only; pure."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import tenantry_promql as promql
from query_gateway.route import Route


@dataclass(frozen=True)
class Limited:
    """Rules that permit series of some clusters."""

    clusters: frozenset[str]
    rules: promql.RuleSet


class Permission:
    """The rules of a tenant. What is not known to be in a cluster sees none of its rules."""

    def __init__(self, everywhere: promql.RuleSet, limited: Sequence[Limited] = ()) -> None:
        """Permit `everywhere` and, within their clusters, what is `limited`."""
        self.everywhere = everywhere
        self.limited = tuple(limited)
        self._within: dict[frozenset[str], promql.RuleSet] = {}
        self._named = frozenset(name for one in self.limited for name in one.clusters)

    def within(self, cluster: str) -> promql.RuleSet:
        """Return the rules for backends of one cluster; the empty name is none that is known.

        Raises `RuleError` where the rules of all cannot be united.
        """
        if cluster not in self._named:
            return self.everywhere
        return self._united(frozenset((cluster,)))

    @functools.cached_property
    def anywhere(self) -> promql.RuleSet:
        """All rules: what is permitted in some cluster or other."""
        return self._united(self._named) if self.limited else self.everywhere

    def _united(self, clusters: frozenset[str]) -> promql.RuleSet:
        found = self._within.get(clusters)
        if found is None:
            more = [one.rules.rules for one in self.limited if one.clusters & clusters]
            every = (*self.everywhere.rules, *(rule for rules in more for rule in rules))
            found = self._within[clusters] = promql.RuleSet(every)
        return found

    def reached(self, routes: Sequence[Route]) -> tuple[Route, ...]:
        """Return the routes to where something may be permitted; one at least, to answer nothing."""
        if not self.limited:
            return tuple(routes)
        found = tuple(one for one in routes if not self.within(one.cluster).is_empty)
        return found or tuple(routes)[:1]

    def common(self, routes: Sequence[Route]) -> promql.RuleSet:
        """Return rules that count for all of these routes."""
        first, *others = (self.within(one.cluster) for one in routes)
        return first if all(one == first for one in others) else self.everywhere
