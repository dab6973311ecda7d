"""Names on NATS are injective, valid, and as the contract spells them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry_common import subjects
from tenantry_common.subjects import JobRef, ShardRef

SHARD = ShardRef(JobRef("team.a", "web_metrics"), "cluster-eu1")
NAMES = st.text(min_size=1, max_size=20)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("team-a", "team-a", id="a DNS label stays as it is"),
        pytest.param("a.b", "a=2Eb", id="a dot would split the token"),
        pytest.param("a=b", "a=3Db", id="the escape character is escaped"),
        pytest.param("a*>b c", "a=2A=3Eb=20c", id="wildcards and blanks are escaped"),
        pytest.param("é", "=C3=A9", id="bytes of UTF-8"),
    ],
)
def test_token_is_one_safe_token(name: str, expected: str) -> None:
    assert subjects.token(name) == expected


@given(NAMES)
def test_untoken_reads_back_what_token_wrote(name: str) -> None:
    assert subjects.untoken(subjects.token(name)) == name


def test_the_empty_name_is_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        subjects.token("")


def test_names_are_those_of_the_contract() -> None:
    assert subjects.job_key(SHARD.job) == "team=2Ea.web_metrics"
    assert subjects.samples(SHARD) == "samples.team=2Ea.web_metrics.cluster-eu1"
    assert subjects.rejects(SHARD.job) == "rejects.team=2Ea.web_metrics"
    assert subjects.collector_lease(SHARD) == "collector.team=2Ea.web_metrics.cluster-eu1"
    assert subjects.leader_lease("discovery") == "leader.discovery"
    assert subjects.member_lease("writer", "w.1") == "member.writer.w=2E1"
    assert subjects.report_key(SHARD.job, "writer", "w1") == "team=2Ea.web_metrics.writer.w1"
    assert subjects.samples_of_job(SHARD.job) == "samples.team=2Ea.web_metrics.*"
    assert subjects.push_key(SHARD.job, "push/a") == "team=2Ea.web_metrics.push=2Fa"
    assert subjects.backfill_key(SHARD, "p.0", 9) == "team=2Ea.web_metrics.cluster-eu1.p=2E0.9"
    assert subjects.backfill(SHARD, "p.0") == "backfill.team=2Ea.web_metrics.cluster-eu1.p=2E0"
    assert subjects.batch_id(SHARD, 1700, 2) == "team.a/web_metrics/cluster-eu1/1700/2"


@given(NAMES, NAMES, NAMES)
def test_subjects_and_keys_read_back(tenant: str, name: str, shard: str) -> None:
    reference = ShardRef(JobRef(tenant, name), shard)

    assert subjects.parse_samples(subjects.samples(reference)) == reference
    assert subjects.parse_job_key(subjects.job_key(reference.job)) == reference.job


@given(st.tuples(NAMES, NAMES, NAMES, NAMES), st.tuples(NAMES, NAMES, NAMES, NAMES))
def test_consumers_of_different_deliveries_have_different_names(
    one: tuple[str, str, str, str], other: tuple[str, str, str, str]
) -> None:
    def name(parts: tuple[str, str, str, str]) -> str:
        return subjects.writer_consumer(ShardRef(JobRef(parts[0], parts[1]), parts[2]), parts[3])

    assert (name(one) == name(other)) == (one == other)
    assert not set(name(one)) & set(". *>/\\")


def test_a_cluster_id_from_outside_is_hashed() -> None:
    assert subjects.source_token("../../evil") == subjects.source_token("../../evil")
    assert set(subjects.source_token("../../evil")) <= set("0123456789abcdef")


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        pytest.param("", "_INBOX", id="everybody without a user name shares"),
        pytest.param("writer", "_INBOX_writer", id="a user has its own"),
        pytest.param("a.b", "_INBOX_a=2Eb", id="nobody's lies below that of another"),
    ],
)
def test_inboxes_of_users_are_apart(user: str, expected: str) -> None:
    assert subjects.inbox_prefix(user) == expected


def test_newest_samples_of_hostile_ids_have_one_subject_each() -> None:
    job = JobRef("team.a", "web")
    ids = ("../../../evil", "a.b", ">", "*", "", "ü" * 300, "a b")

    whole = [subjects.latest(job, cluster) for cluster in ids]

    assert len(set(whole)) == len(ids)
    assert all(subject.count(".") == 3 and not set(subject) & set("*> /") for subject in whole)
    assert [subjects.parse_latest(s) for s in whole] == [
        subjects.LatestRef(job, subjects.source_token(cluster), "") for cluster in ids
    ]
    assert subjects.parse_latest(subjects.latest(job, "a", "7.x")).part == "7.x"


def test_a_cluster_always_has_the_same_shard() -> None:
    shards = {subjects.push_shard(f"cluster {n}") for n in range(500)}

    assert len(shards) == subjects.PUSH_SHARDS
    assert subjects.push_shard("cluster 7") == subjects.push_shard("cluster 7")


def test_a_push_is_named_by_what_was_sent_and_its_part() -> None:
    shard = ShardRef(JobRef("team-a", "fleet"), "push-3")

    assert subjects.push_batch_id(shard, "d1ge57", 2) == "team-a/fleet/push-3/d1ge57/2"


def test_revocations_of_hostile_names_have_one_key_each() -> None:
    names = ("a", "a.b", "*", ">", "../x", "x" * 9999)

    keys = {subjects.revocation_key(kind, name) for kind in ("token", "cluster") for name in names}

    assert len(keys) == 2 * len(names)
    assert all(key.count(".") == 1 and not set(key) & set("*>/ ") for key in keys)
