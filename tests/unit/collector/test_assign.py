"""Every shard has exactly one instance that prefers it, and replicas are asked in a stable order."""

import pytest

from collector import assign
from collector.testing import SHARD, backend, job
from tenantry_common.contracts import Backend, PushPolicy
from tenantry_common.subjects import JobRef, ShardRef

A, B, C = (backend(f"http://{name}", name) for name in "abc")
UNHEALTHY_A = backend("http://a", "a", healthy=False)
OTHER = backend("http://o", "o", ha_set="cluster-us1")
GLOBAL = backend("http://g", "g", ha_set="g", role="global")


def test_sources_are_grouped_by_ha_set_without_those_that_see_everything() -> None:
    assert assign.ha_sets([B, OTHER, GLOBAL, A]) == {"cluster-eu1": (A, B), "cluster-us1": (OTHER,)}


def test_shards_are_divided_among_the_members() -> None:
    jobs = {str(n): job(name=f"job{n}") for n in range(40)}
    sets = ["cluster-eu1", "cluster-us1"]
    members = ("i", "j", "k")

    shares = [assign.preferred(jobs, sets, members, instance) for instance in members]

    everything = {ShardRef(JobRef("shop", f"job{n}"), name) for n in range(40) for name in sets}
    assert frozenset().union(*shares) == everything
    assert sum(map(len, shares)) == len(everything)
    assert all(share for share in shares)


def test_instance_that_is_no_member_prefers_nothing() -> None:
    assert assign.preferred({"j": job()}, ["s"], ("other",), "me") == frozenset()


def test_what_clusters_push_is_not_collected() -> None:
    jobs = {"pushed": job(name="pushed", push=PushPolicy(sources=("*",))), "pulled": job()}

    assert assign.preferred(jobs, ["s"], ("i",), "i") == {ShardRef(SHARD.job, "s")}


def test_shards_of_a_member_that_goes_are_all_that_moves() -> None:
    jobs = {str(n): job(name=f"job{n}") for n in range(40)}
    before = assign.preferred(jobs, ["s"], ("i", "j", "k"), "i")

    assert before <= assign.preferred(jobs, ["s"], ("i", "j"), "i")


PREFERRED = assign.order((A, B, C), SHARD, "")


@pytest.mark.parametrize(
    ("ha_set", "current", "first"),
    [
        pytest.param((A, B, C), PREFERRED[2].id, PREFERRED[2].id, id="who answered last"),
        pytest.param((UNHEALTHY_A, B), "a", "a", id="also when it is said to be unhealthy"),
        pytest.param((UNHEALTHY_A, B), "", "b", id="else a healthy one"),
        pytest.param((B,), "a", "b", id="who answered last is gone"),
        pytest.param((UNHEALTHY_A,), "", "a", id="an unhealthy one rather than none"),
    ],
)
def test_which_replica_is_asked_first(
    ha_set: tuple[Backend, ...], current: str, first: str
) -> None:
    order = assign.order(ha_set, SHARD, current)

    assert order[0].id == first
    assert sorted(order, key=lambda one: one.id) == list(ha_set)


def test_replicas_share_the_shards() -> None:
    first = {assign.order((A, B), ShardRef(JobRef("t", f"j{n}"), "s"), "")[0].id for n in range(20)}

    assert first == {"a", "b"}
