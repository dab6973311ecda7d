"""Rules that are limited to clusters count there, and nowhere that is not known."""

import tenantry_promql as promql
from query_gateway.permission import Limited, Permission
from query_gateway.route import Route


def rules(*texts: str) -> promql.RuleSet:
    return promql.RuleSet(map(promql.parse_rule, texts))


def route(cluster: str) -> Route:
    return Route(
        shard=f"s-{cluster}",
        candidates=(),
        upstream=promql.Upstream.strictest(),
        cluster=cluster,
    )


MIXED = Permission(
    rules("up"),
    [Limited(frozenset({"eu"}), rules("a")), Limited(frozenset({"eu", "us"}), rules("b"))],
)


def test_in_a_cluster_count_the_rules_of_all_and_its_own() -> None:
    assert MIXED.within("eu") == rules("up", "a", "b")
    assert MIXED.within("us") == rules("up", "b")
    assert MIXED.anywhere == rules("up", "a", "b")


def test_where_the_cluster_is_another_or_not_known_only_the_rules_of_all_count() -> None:
    assert MIXED.within("asia") == MIXED.within("") == rules("up")


def test_rules_are_united_once() -> None:
    assert MIXED.within("eu") is MIXED.within("eu")
    everywhere = rules("up")
    assert Permission(everywhere).anywhere is Permission(everywhere).within("eu") is everywhere


def test_shards_in_which_nothing_is_permitted_are_not_asked() -> None:
    limited = Permission(rules(), [Limited(frozenset({"eu"}), rules("a"))])
    eu, us, unknown = map(route, ("eu", "us", ""))

    assert limited.reached([us, eu, unknown]) == (eu,)
    assert limited.reached([us, unknown]) == (us,)  # which then answers nothing
    assert MIXED.reached([us, eu, unknown]) == (us, eu, unknown)


def test_what_counts_for_all_of_some_shards() -> None:
    assert MIXED.common([route("eu"), route("eu")]) == rules("up", "a", "b")
    assert MIXED.common([route("eu"), route("us")]) == rules("up")
