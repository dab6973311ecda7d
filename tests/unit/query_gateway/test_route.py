"""Any candidate of a route holds all of its shard; the routes together hold everything."""

import pytest

import tenantry_promql as promql
from query_gateway import route
from query_gateway.failures import Failure
from tenantry_common.contracts import Backend, UpstreamTraits


def replica(name: str, *, ha_set: str = "s", healthy: bool = True) -> Backend:
    return Backend(id=name, url=f"http://{name}", ha_set=ha_set, healthy=healthy)


def everything(name: str, *, healthy: bool = True) -> Backend:
    return Backend(id=name, url=f"http://{name}", ha_set=name, role="global", healthy=healthy)


def ids(tenant: str, *known: Backend) -> list[str]:
    (only,) = route.routes(tenant, known)
    return [backend.id for backend in only.candidates]


def test_healthy_replicas_are_candidates_in_an_order_of_the_tenants_own() -> None:
    known = (replica("a"), replica("b"), replica("c", healthy=False))

    orders = {tuple(ids(f"t{n}", *known)) for n in range(20)}

    assert orders == {("a", "b"), ("b", "a")}
    assert ids("t", *known) == ids("t", *reversed(known))


def test_when_the_preferred_replica_is_gone_the_others_keep_their_order() -> None:
    known = [replica(name) for name in "abcd"]

    first, *others = ids("t", *known)

    assert ids("t", *(backend for backend in known if backend.id != first)) == others


def test_a_global_backend_takes_whole_queries() -> None:
    assert ids("t", replica("a", ha_set="x"), replica("b", ha_set="y"), everything("g")) == ["g"]


def test_every_set_has_a_route_even_while_it_is_down() -> None:
    found = route.routes(
        "t",
        (
            replica("a", ha_set="x"),
            replica("b", ha_set="y", healthy=False),
            replica("c", ha_set="x"),
        ),
    )

    assert [(one.shard, sorted(it.id for it in one.candidates)) for one in found] == [
        ("x", ["a", "c"]),
        ("y", []),
    ]


def test_a_shard_has_the_labels_that_its_series_are_stored_with_where_it_is_told() -> None:
    told = Backend(
        id="a",
        url="http://a",
        ha_set="x",
        external_labels={"cluster": "eu", "region": "r"},
        labels={"team": "t"},
    )
    known = (told, replica("b", ha_set="y"))

    assert [dict(one.labels) for one in route.routes("t", known)] == [{}, {}]
    found = route.routes("t", known, ("cluster", "team", "zone"))
    assert [dict(one.labels) for one in found] == [{"cluster": "eu", "team": "t"}, {}]


@pytest.mark.parametrize(
    "known",
    [
        pytest.param((), id="no backend"),
        pytest.param((replica("a", healthy=False),), id="none is healthy"),
        pytest.param(
            (replica("a"), everything("g", healthy=False)),
            id="the global backend is down, and a replica may not be everything",
        ),
    ],
)
def test_where_nobody_can_answer_there_is_no_route(known: tuple[Backend, ...]) -> None:
    with pytest.raises(Failure) as raised:
        route.routes("t", known)

    assert raised.value.kind == "backends"


def traits(major: int, *, flags: bool) -> UpstreamTraits:
    return UpstreamTraits(
        major=major,
        label_replace_keeps_histograms=flags,
        delayed_name_removal=flags,
        experimental_functions=flags,
    )


@pytest.mark.parametrize(
    ("found", "strictest"),
    [
        pytest.param(
            [traits(3, flags=True), traits(3, flags=True)],
            promql.Upstream(3, True, True, True),
            id="all the same",
        ),
        pytest.param(
            [traits(3, flags=True), traits(2, flags=False)],
            promql.Upstream(2, False, False, False),
            id="the lesser counts",
        ),
        pytest.param(
            [traits(3, flags=True), traits(0, flags=False)],
            promql.Upstream.strictest(),
            id="one is unknown",
        ),
        pytest.param([], promql.Upstream.strictest(), id="none"),
    ],
)
def test_only_what_holds_for_every_candidate_counts(
    found: list[UpstreamTraits], strictest: promql.Upstream
) -> None:
    known = [
        Backend(id=str(n), url="http://x", ha_set="s", traits=one) for n, one in enumerate(found)
    ]

    assert route.strictest(known) == strictest
