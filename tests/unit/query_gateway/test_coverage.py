"""No replica is asked for what another one holds more of."""

import pytest
from msgspec.structs import replace

import tenantry_promql as promql
from query_gateway import coverage, endpoints, route
from query_gateway.config import TenantLimits
from query_gateway.failures import Failure
from query_gateway.parameters import Arguments
from tenantry_common.contracts import HOLDS_NOTHING, Backend

NOW = 1_700_000_000
DAY, HOUR = 86_400_000, 3_600_000
BY_NAME = {one.name: one for one in endpoints.ENDPOINTS}


def replica(name: str, age: int | None, *, ha_set: str = "s", healthy: bool = True) -> Backend:
    """Return a backend whose oldest sample has this age in milliseconds; None: it does not tell."""
    oldest = None if age is None else NOW * 1000 - age
    return Backend(
        id=name, url=f"http://{name}", ha_set=ha_set, healthy=healthy, started="x", oldest_ms=oldest
    )


def asked(endpoint: str, *known: Backend, **single: str) -> list[list[str]]:
    """Return the candidates of each route."""
    found = coverage.covering(
        route.routes("tenant", known),
        BY_NAME[endpoint],
        Arguments(single=single),
        TenantLimits(),
        NOW,
    )
    return [sorted(one.id for one in each.candidates) for each in found]


FULL, EMPTIED = replica("full", 10 * DAY), replica("emptied", 3 * HOUR)


@pytest.mark.parametrize(
    ("endpoint", "single", "both"),
    [
        pytest.param("query", {"query": "up"}, True, id="a recent moment"),
        pytest.param(
            "query", {"query": "up", "lookback_delta": "4h"}, False, id="a long look-back"
        ),
        pytest.param("query", {"query": "rate(up[5h])"}, False, id="a long range selector"),
        pytest.param("query", {"query": "up offset 4h"}, False, id="an offset"),
        pytest.param("query", {"query": "up @ 5"}, False, id="a fixed moment"),
        pytest.param("query", {"query": "max_over_time(sum(up)[3h:1m])"}, False, id="a subquery"),
        pytest.param(
            "query", {"query": "up", "time": str(NOW - 10_700)}, False, id="a past moment"
        ),
        pytest.param("query", {"query": "up[5m+4h]"}, False, id="a computed duration"),
        pytest.param(
            "query_range",
            {"query": "up", "start": str(NOW - 3600), "end": str(NOW), "step": "60"},
            True,
            id="a recent range",
        ),
        pytest.param(
            "query_range",
            {"query": "up", "start": str(NOW - 10_7000), "end": str(NOW), "step": "60"},
            False,
            id="a long range",
        ),
        pytest.param("series", {"start": str(NOW - 3600)}, True, id="recent series"),
        pytest.param("series", {}, False, id="all series"),
        pytest.param("read", {}, False, id="remote read"),
        pytest.param("federate", {}, True, id="federation"),
        pytest.param("rules", {}, True, id="rules"),
    ],
)
def test_a_replica_is_used_for_what_it_covers(
    endpoint: str, single: dict[str, str], both: bool
) -> None:
    expected = ["emptied", "full"] if both else ["full"]

    assert asked(endpoint, FULL, EMPTIED, **single) == [expected]


def test_one_that_holds_nothing_is_not_used() -> None:
    nothing = replace(EMPTIED, oldest_ms=HOLDS_NOTHING)

    assert asked("query", FULL, nothing, query="up") == [["full"]]


def test_where_nobody_holds_anything_all_are_used() -> None:
    one, other = (replace(it, oldest_ms=HOLDS_NOTHING) for it in (FULL, EMPTIED))

    assert asked("query", one, other, query="up") == [["emptied", "full"]]


@pytest.mark.parametrize(("age", "used"), [(9 * DAY, True), (9 * DAY - 1, False)])
def test_a_tenth_of_the_age_makes_no_difference(age: int, used: bool) -> None:
    both = ["full", "other"] if used else ["full"]

    assert asked("series", FULL, replica("other", age)) == [both]


@pytest.mark.parametrize(("younger", "used"), [(60_000, True), (60_001, False)])
def test_neither_does_a_minute(younger: int, used: bool) -> None:
    both = ["full", "other"] if used else ["full"]
    full, other = replica("full", 400_000), replica("other", 400_000 - younger)

    assert asked("series", full, other) == [both]


def test_one_that_does_not_tell_counts_as_full() -> None:
    assert asked("series", FULL, EMPTIED, replica("silent", None)) == [["full", "silent"]]


def test_the_far_past_is_not_answered_while_the_one_that_holds_it_is_away() -> None:
    away = replace(FULL, healthy=False)

    assert asked("query", away, EMPTIED, query="up") == [["emptied"]]
    with pytest.raises(Failure, match="so long ago") as refused:
        asked("query", away, EMPTIED, query="up[1d]")
    assert refused.value.status == 503


def test_sets_are_compared_each_for_itself() -> None:
    young = replica("young", 2 * HOUR, ha_set="t")

    assert asked("series", FULL, EMPTIED, young) == [["full"], ["young"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("1", 1000),
        ("up", 1000),
        ("up[1s]", 0),
        ("up offset -1s", 2000),
        ("up[1s] offset 2s", -2000),
        ("up @ 0.5 offset 1s", -500),
        ("up[1s] @ end()", 4000),
        ("rate(up[1s] @ start()) + rate(down[4s])", -3000),
        ("max_over_time((up offset 1s)[2s:1s] offset 3s)", -5000),
        ("max_over_time((up @ end())[7s:1s])", -6000),
        ("topk by (a) (scalar(x offset 9s), up)", -8000),
    ],
)
def test_the_earliest_time_that_is_read(query: str, expected: int) -> None:
    assert coverage.earliest(promql.parse_tree(query), 1000, 5000) == expected
