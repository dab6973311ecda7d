"""Where a query over several shards goes."""

import dataclasses

import pytest

import tenantry_promql as promql
from query_gateway.failures import Failure
from query_gateway.route import Route
from query_gateway.shards import plans, routing
from tenantry_common.contracts import Backend

LIMITS = promql.Limits()


def route(number: int, **labels: str) -> Route:
    backend = Backend(id=f"b{number}", url="", ha_set=f"s{number}")
    upstream = promql.Upstream.strictest()
    return Route(shard=f"s{number}", candidates=(backend,), upstream=upstream, labels=labels)


BOTH = [route(0, cluster="eu"), route(1, cluster="us")]


def test_a_query_that_names_one_shard_goes_there() -> None:
    assert routing.only('ln(sum(up{cluster="us"}))', BOTH, LIMITS) is BOTH[1]
    assert routing.only("up", BOTH, LIMITS) is None
    assert routing.only('up{cluster="us"}', [route(0), route(1)], LIMITS) is None


def test_any_other_is_planned_or_refused() -> None:
    assert routing.plan("sum(up)", BOTH, LIMITS) == plans.Fetch("sum(up)", "sum")
    with pytest.raises(Failure, match=r"ln\(\)") as refused:
        routing.plan("ln(sum(up))", BOTH, LIMITS)
    assert refused.value.kind == "refused"


def test_shards_that_drop_names_at_different_times_are_not_put_together() -> None:
    late = BOTH[1].upstream._replace(delayed_name_removal=not BOTH[0].upstream.delayed_name_removal)

    with pytest.raises(Failure, match="delayed-name-removal"):
        routing.strictest([BOTH[0], dataclasses.replace(BOTH[1], upstream=late)])


def test_what_reads_no_series_can_be_asked_of_any_backend() -> None:
    assert [one.id for one in routing.anywhere(BOTH).candidates] == ["b0", "b1"]
