"""Which shards can hold what a query selects, by the labels that all series of a shard carry; pure."""

from collections.abc import Mapping

import tenantry_promql as promql
from tenantry_promql.syntax import Node, Selector, selectors

type ShardLabels = Mapping[str, Mapping[str, str]]
"""By shard, labels that are stored with every series of it: told by the operator, never guessed."""


def possible(tree: Node, shards: ShardLabels) -> tuple[str, ...]:
    """Return the shards in which some selector of a query may find something, at least one of all.

    Where there is one only, it answers the query whole: no series of another has a part in it.
    """
    chosen = list(selectors(tree))
    found = tuple(
        shard for shard, labels in shards.items() if any(_may_match(one, labels) for one in chosen)
    )
    return found or tuple(shards)[:1]


def _may_match(selector: Selector, labels: Mapping[str, str]) -> bool:
    return all(
        promql.RuleSet([(matcher,)]).matches({matcher.label: labels[matcher.label]})
        for matcher in selector.matchers
        if matcher.label in labels
    )
