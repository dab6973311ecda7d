"""Messages say what they hold, stay small, and are named by what the cluster sent."""

from receiver import admit, messages, testing, verdicts
from receiver.admit import Admitted
from receiver.refusal import Reason
from receiver.stamps import Stamps
from receiver.verdicts import Court, Memory, Rulings
from tenantry_common import metric_families, remote_write, snappy_block, subjects
from tenantry_common.proto import remote_pb2
from tenantry_common.subjects import ShardRef

NOW = 1_790_000_000_000
JOB = testing.job()


def admitted(count: int = 3, *, old: int = 0) -> Admitted:
    assert JOB.push is not None
    samples = [({"n": f"{n:06}", "pad": "x" * 200}, 1.0, NOW + n) for n in range(count)]
    aged = [({"n": f"{n:06}"}, 1.0, 5) for n in range(old)]
    body = testing.family("up", [*aged, *samples], "GAUGE")
    court = Court(Rulings(JOB, JOB.push, b""), verdicts.version(JOB, b""), Memory(100), "cluster")
    return admit.admit(metric_families.read(body), court, Stamps(JOB.push, NOW), strict=False)


def held(message: messages.Message) -> remote_pb2.WriteRequest:
    return remote_pb2.WriteRequest.FromString(snappy_block.decompress(message.data, limit=1 << 26))


def samples(found: Admitted) -> list[messages.Message]:
    return messages.samples(
        messages.pieces(found), found.window, testing.JOB, "cluster", "name", "version"
    )


def test_a_batch_says_what_it_holds() -> None:
    (message,) = samples(admitted())

    shard = ShardRef(testing.JOB, subjects.push_shard("cluster"))
    assert message.subject == subjects.samples(shard)
    assert message.headers == {
        subjects.HEADER_MSG_ID: f"team-a/fleet/{shard.shard}/name/1",
        subjects.HEADER_WINDOW: f"{NOW - 1}-{NOW + 2}",
        subjects.HEADER_PART: "1/1",
        subjects.HEADER_SOURCE: subjects.source_token("cluster"),
        subjects.HEADER_VERSION: "version",
        subjects.HEADER_SERIES: "3",
        subjects.HEADER_SAMPLES: "3",
        subjects.HEADER_SCHEMA: "1",
    }
    assert remote_write.count(held(message).SerializeToString()) == (3, 3)


def test_a_large_push_becomes_several_batches_that_together_are_all_of_it() -> None:
    found = samples(admitted(5000))

    assert len(found) > 1
    assert all(len(one.data) < 1 << 20 for one in found)
    assert len({one.headers[subjects.HEADER_MSG_ID] for one in found}) == len(found)
    names = [s.labels[2].value for one in found for s in held(one).timeseries]
    assert names == [f"{n:06}" for n in range(5000)]


def test_the_latest_is_one_message_with_the_types() -> None:
    found = admitted(5000)
    every = messages.pieces(found)

    message = messages.whole(
        messages.newest(found, every), found.types, testing.JOB, "cluster", "name"
    )

    assert message.subject == subjects.latest(testing.JOB, "cluster")
    assert len(held(message).timeseries) == 5000
    assert [(m.metric_family_name, m.type) for m in held(message).metadata] == [("up", 2)]


def test_a_write_adds_to_the_latest_under_names_of_its_own() -> None:
    found = admitted(5000)
    every = messages.pieces(found)

    parts = messages.deltas(every, found.types, testing.JOB, "cluster", "name")

    assert [one.subject for one in parts] == [
        subjects.latest(testing.JOB, "cluster", f"name-{n}") for n in range(1, len(parts) + 1)
    ]
    assert sum(len(held(one).timeseries) for one in parts) == 5000
    assert [len(held(one).metadata) for one in parts] == [1] + [0] * (len(parts) - 1)


def test_an_empty_latest_holds_nothing() -> None:
    assert held(messages.whole([], {}, testing.JOB, "c", "n")) == remote_pb2.WriteRequest()


def test_rejected_series_are_kept_by_reason() -> None:
    (message,) = messages.rejects(admitted(old=300), testing.JOB, "cluster")

    assert message.headers[subjects.HEADER_REASON] == str(Reason.TOO_OLD)
    assert message.headers[subjects.HEADER_SERIES] == "300"
    assert 0 < len(held(message).timeseries) <= 300


def test_a_push_is_named_by_job_cluster_and_body() -> None:
    names = {
        messages.digest(testing.JOB, "a", b"1", 0),
        messages.digest(testing.JOB, "b", b"1", 0),
        messages.digest(testing.JOB, "a", b"2", 0),
        messages.digest(testing.JOB, "a", b"1", 5),
        messages.digest(subjects.JobRef("team-b", "fleet"), "a", b"1", 0),
    }

    assert len(names) == 5
    assert messages.digest(testing.JOB, "a", b"1", 0) in names
