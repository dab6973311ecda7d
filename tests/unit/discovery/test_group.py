"""Backends and their HA sets follow from what was declared, observed and known."""

from dataclasses import replace

import msgspec
import pytest

from discovery import group, target, traits
from discovery.observation import Held, Observation, Silent
from discovery.target import Target
from tenantry_common.contracts import Backend

REPLICA_LABELS = ("prometheus_replica", "replica")


def at(address: str, **labels: str) -> Target:
    made = target.make(address, labels, "t.yaml")
    assert isinstance(made, Target)
    return made


def seen(
    labels: dict[str, str] | Silent,
    *,
    version: str | Silent = "2.42.0",
    features: frozenset[str] | Silent = frozenset(),
    ready: Silent | None = None,
) -> Observation:
    return Observation(ready=ready, version=version, external_labels=labels, features=features)


REFUSED = Silent("Connection refused")
DOWN = seen(REFUSED, version=REFUSED, features=REFUSED, ready=REFUSED)
CLOSED = Silent("/api/v1/status/config answered 403", closed=True)
TIMED_OUT = Silent("/api/v1/status/config: no answer within 5 s")


def grouped(
    observations: dict[str, Observation],
    known: dict[str, Backend] | None = None,
    targets: dict[str, Target] | None = None,
) -> dict[str, Backend]:
    described = targets or {id_: at(id_) for id_ in observations}
    return group.backends(described, observations, known or {}, REPLICA_LABELS)


def sets(found: dict[str, Backend]) -> dict[str, str]:
    return {id_: backend.ha_set for id_, backend in found.items()}


def test_everything_that_was_told_is_in_the_backend() -> None:
    targets = {"a:1": at("a:1", team="sre", __scheme__="https")}
    told = seen(
        {"cluster": "eu1", "replica": "0"},
        version="3.12.0",
        features=frozenset({"promql-delayed-name-removal"}),
    )

    assert grouped({"a:1": told}, targets=targets) == {
        "a:1": Backend(
            id="a:1",
            url="https://a:1",
            ha_set="cluster-eu1",
            role="replica",
            external_labels={"cluster": "eu1"},
            replica_labels={"replica": "0"},
            labels={"team": "sre"},
            version="3.12.0",
            traits=traits.of("3.12.0", {"promql-delayed-name-removal"}),
            healthy=True,
        )
    }


@pytest.mark.parametrize(
    ("observations", "expected"),
    [
        pytest.param(
            {
                "a:1": seen({"cluster": "eu1", "replica": "0"}),
                "b:1": seen({"cluster": "eu1", "prometheus_replica": "b"}),
                "c:1": seen({"cluster": "us1", "replica": "0"}),
            },
            {"a:1": "cluster-eu1", "b:1": "cluster-eu1", "c:1": "cluster-us1"},
            id="equal apart from the replica labels",
        ),
        pytest.param(
            {"a:1": seen({"replica": "0"}), "b:1": seen({"replica": "1"})},
            {"a:1": "default", "b:1": "default"},
            id="nothing but replica labels",
        ),
        pytest.param(
            {"a:1": seen({}), "b:1": seen({})},
            {"a:1": "a:1", "b:1": "b:1"},
            id="without external labels each stands alone",
        ),
        pytest.param(
            {"a:1": seen(CLOSED), "b:1": seen({"cluster": "eu1"})},
            {"a:1": "a:1", "b:1": "cluster-eu1"},
            id="unknown labels stand alone",
        ),
    ],
)
def test_ha_sets_follow_from_external_labels(
    observations: dict[str, Observation], expected: dict[str, str]
) -> None:
    assert sets(grouped(observations)) == expected


def test_what_was_declared_wins() -> None:
    targets = {
        "a:1": at("a:1", tenantry_ha_set="east"),
        "b:1": at("b:1", tenantry_ha_set="east", tenantry_role="global"),
    }

    found = grouped({"a:1": seen({"cluster": "eu1"}), "b:1": seen(CLOSED)}, targets=targets)

    assert {k: (b.ha_set, b.role, b.healthy) for k, b in found.items()} == {
        "a:1": ("east", "replica", True),
        "b:1": ("east", "global", True),
    }


@pytest.mark.parametrize(
    ("observation", "healthy", "reason"),
    [
        pytest.param(seen({"c": "x"}), True, "", id="all is well"),
        pytest.param(DOWN, False, "Connection refused", id="not ready"),
        pytest.param(
            seen(CLOSED),
            True,
            "external labels: /api/v1/status/config answered 403",
            id="configuration is closed",
        ),
        pytest.param(
            seen(TIMED_OUT),
            False,
            "external labels: /api/v1/status/config: no answer within 5 s",
            id="labels may be told later, so it is not used yet",
        ),
        pytest.param(
            seen({}),
            True,
            "no external labels, so nothing tells its replicas: it is an HA set of its own",
            id="no external labels",
        ),
        pytest.param(
            seen({"c": "x"}, version=Silent("v"), features=Silent("f")),
            True,
            "version: v; flags: f",
            id="version and flags are not told",
        ),
    ],
)
def test_the_reason_says_what_is_missing(
    observation: Observation, healthy: bool, reason: str
) -> None:
    backend = grouped({"a:1": observation})["a:1"]

    assert (backend.healthy, backend.reason) == (healthy, reason)


def test_a_silent_backend_keeps_its_set_and_what_it_told() -> None:
    features = frozenset({"promql-experimental-functions"})
    told = seen({"cluster": "eu1", "replica": "0"}, version="3.12.0", features=features)
    known = grouped({"a:1": told})

    found = grouped({"a:1": DOWN}, known)

    assert found == {
        "a:1": msgspec.structs.replace(known["a:1"], healthy=False, reason="Connection refused")
    }


def test_a_change_of_the_replica_labels_regroups_what_is_remembered() -> None:
    known = {
        "a:1": Backend(id="a:1", url="http://a:1", ha_set="x", external_labels={"replica": "0"})
    }

    assert grouped({"a:1": DOWN}, known)["a:1"].replica_labels == {"replica": "0"}


def test_a_backend_that_was_not_asked_yet_is_what_it_was_or_nothing() -> None:
    known = grouped({"a:1": seen({"cluster": "eu1"}), "b:1": seen({"cluster": "eu2"})})
    targets = {
        "a:1": at("a:1"),
        "b:1": at("b:1", __scheme__="https"),
        "c:1": at("c:1"),
    }

    assert group.backends(targets, {}, known, REPLICA_LABELS) == {"a:1": known["a:1"]}


def test_replicas_without_a_replica_label_are_taken_for_replicas_and_that_is_said() -> None:
    found = grouped({"a:1": seen({"c": "x"}), "b:1": seen({"c": "x"}), "c:1": seen({"c": "y"})})

    assert {k: (b.ha_set, b.reason) for k, b in found.items()} == {
        "a:1": ("c-x", "the same external labels as b:1: taken for replicas of the same data"),
        "b:1": ("c-x", "the same external labels as a:1: taken for replicas of the same data"),
        "c:1": ("c-y", ""),
    }


def test_parts_of_the_data_are_never_replicas_of_one_another() -> None:
    shards = {"a:1": at("a:1"), "b:1": replace(at("b:1"), part="1")}
    declared = {id_: replace(one, ha_set="east") for id_, one in shards.items()}
    told = {id_: seen({"cluster": "eu1", "replica": id_}) for id_ in shards}
    alone = {id_: seen({"replica": "0"}) for id_ in shards}

    assert sets(grouped(told, targets=shards)) == {
        "a:1": "cluster-eu1",
        "b:1": "cluster-eu1--operator_shard-1",
    }
    assert sets(grouped(told, targets=declared)) == {
        "a:1": "east",
        "b:1": "east--operator_shard-1",
    }
    assert sets(grouped(alone, targets=shards)) == {"a:1": "default", "b:1": "operator_shard-1"}


def test_what_the_source_knows_counts_where_the_server_does_not_tell() -> None:
    described = replace(
        at("a:1"), external_labels={"cluster": "eu1", "pod": "x"}, replica_labels=frozenset({"pod"})
    )

    told = grouped({"a:1": seen({"cluster": "us1"})}, targets={"a:1": described})["a:1"]
    closed = grouped({"a:1": seen(CLOSED)}, targets={"a:1": described})["a:1"]
    late = grouped({"a:1": seen(TIMED_OUT)}, targets={"a:1": described})["a:1"]

    assert (told.ha_set, told.reason) == ("cluster-us1", "")
    assert (closed.ha_set, closed.external_labels, closed.replica_labels, closed.reason) == (
        "cluster-eu1",
        {"cluster": "eu1"},
        {"pod": "x"},
        "external labels: /api/v1/status/config answered 403, those of t.yaml count",
    )
    assert late.healthy


def test_a_backend_that_its_source_calls_not_ready_is_unhealthy_and_keeps_its_set() -> None:
    observations = {"a:1": seen({"cluster": "eu1"})}
    starting = {"a:1": replace(at("a:1"), unready="the pod is not ready")}
    known = grouped(observations)

    found = grouped(observations, known, starting)

    assert found == {
        "a:1": msgspec.structs.replace(known["a:1"], healthy=False, reason="the pod is not ready")
    }
    assert grouped(observations, {}, starting) == {}


def test_a_note_about_twins_is_made_once() -> None:
    known = grouped({"a:1": seen({"c": "x"}), "b:1": seen({"c": "x"})})
    targets = {"a:1": at("a:1"), "b:1": at("b:1")}

    assert group.backends(targets, {}, known, REPLICA_LABELS) == known


def test_the_access_profile_goes_along() -> None:
    targets = {"a:1": at("a:1", __access__="infra")}

    assert grouped({"a:1": seen({})}, targets=targets)["a:1"].access == "infra"


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        pytest.param({"cluster": "eu1"}, "cluster-eu1", id="one label"),
        pytest.param({"zone": "b", "cluster": "eu-1"}, "cluster-eu-1--zone-b", id="sorted"),
        pytest.param(
            {"prometheus": "monitoring/k8s"}, "prometheus-monitoring-k8s--66b80594", id="/"
        ),
        pytest.param({"a": "b--c-d"}, "a-b-c-d--2fc72d26", id="could be two labels"),
        pytest.param({"a": "ü"}, "a--09c422f5", id="not ASCII"),
        pytest.param({"a": "x" * 99}, f"a-{'x' * 58}--50dc96fb", id="long"),
    ],
)
def test_a_set_is_named_readably(labels: dict[str, str], expected: str) -> None:
    assert group.slug(labels) == expected


def test_different_sets_never_share_a_name() -> None:
    alike = [
        {"a": "b", "c": "d"},
        {"a": "b--c-d"},
        {"a": "b-c-d"},
        {"a-b": "c-d"},
        {"a": "b/c-d"},
        {"a": "b.c-d"},
    ]

    assert len({group.slug(labels) for labels in alike}) == len(alike)


def test_how_far_back_a_backend_reaches_is_remembered_while_it_is_silent() -> None:
    told = replace(seen({"cluster": "eu1"}), held=Held("monday", 5))
    before = grouped({"a:1": told})

    assert (before["a:1"].started, before["a:1"].oldest_ms) == ("monday", 5)
    silent = grouped({"a:1": replace(told, held=Silent("no answer"))}, before)["a:1"]
    assert (silent.started, silent.oldest_ms) == ("monday", 5)
    closed = grouped({"a:1": replace(told, held=Silent("403", closed=True))}, before)["a:1"]
    assert (closed.started, closed.oldest_ms) == ("", None)


SILENT_FLAGS = Silent("/api/v1/status/flags: no answer within 5 s")


@pytest.mark.parametrize(
    ("told", "then", "expected"),
    [
        pytest.param(frozenset(), "3.5.0", {"immediate_name_removal": True}, id="same version"),
        pytest.param(frozenset(), "3.9.0", {"immediate_name_removal": True}, id="another one"),
        pytest.param(frozenset(), "4.0.0", {}, id="one of which it is not known when it removes names"),
        pytest.param(
            frozenset({"promql-delayed-name-removal", "promql-experimental-functions"}),
            "3.9.0",
            {"delayed_name_removal": True, "experimental_functions": True},
            id="late names",
        ),
        pytest.param(SILENT_FLAGS, "3.9.0", {}, id="never told"),
    ],
)  # fmt: skip
def test_flags_are_remembered_while_they_are_not_told(
    told: frozenset[str] | Silent, then: str, expected: dict[str, bool]
) -> None:
    before = grouped({"a:1": seen({"cluster": "eu1"}, version="3.5.0", features=told)})

    silent = seen({"cluster": "eu1"}, version=then, features=SILENT_FLAGS)
    found = grouped({"a:1": silent}, before)["a:1"].traits

    strictest = traits.of(then, traits.STRICTEST)
    assert found == msgspec.structs.replace(strictest, **expected)


def test_the_cluster_is_the_sources_else_that_of_all() -> None:
    targets = {"a:1": at("a:1", tenantry_cluster="us"), "b:1": at("b:1")}
    told = {id_: seen({"replica": id_}) for id_ in targets}

    found = group.backends(targets, told, {}, REPLICA_LABELS, "eu")

    assert {id_: one.cluster for id_, one in found.items()} == {"a:1": "us", "b:1": "eu"}


def test_a_server_without_a_page_of_readiness_is_ready_when_it_tells_its_version() -> None:
    no_page = Silent("/-/ready answered 404", closed=True)
    told = seen({"cluster": "eu1"}, ready=no_page)
    silent = seen({"cluster": "eu1"}, ready=no_page, version=Silent("refused"))

    assert grouped({"a:1": told})["a:1"].healthy
    assert not grouped({"a:1": silent})["a:1"].healthy


def test_a_product_counts_once_the_server_has_confirmed_it() -> None:
    targets = {"a:1": at("a:1", tenantry_product="victoriametrics")}
    told = seen({"cluster": "eu1"})
    confirmed = replace(told, is_victoria_metrics=True)

    assert grouped({"a:1": told}, targets=targets)["a:1"].product == "prometheus"
    before = grouped({"a:1": confirmed}, targets=targets)
    assert before["a:1"].product == "victoriametrics"
    assert grouped({"a:1": DOWN}, before, targets)["a:1"].product == "victoriametrics"
    assert grouped({"a:1": told}, before, targets)["a:1"].product == "prometheus"
