"""Verdicts are shared between clusters exactly where nothing but the id depends on the id."""

import pytest

from receiver import testing, verdicts
from receiver.refusal import Reason
from receiver.verdicts import Court, Foreign, Memory, Rulings, Verdict
from tenantry_common import errors, pushed, remote_write
from tenantry_common.contracts import (
    DeliveryJob,
    LabelSteps,
    Matcher,
    PushPolicy,
    RelabelRule,
    SecretRef,
)

SALT = b"a-unique-value"
POLICY = PushPolicy(sources=("*",), required=("job",), labels={"fleet": "eu"})
LABELS = {"__name__": "up", "job": "x"}


def rulings(job: DeliveryJob) -> Rulings:
    assert job.push is not None
    return Rulings(job, job.push, SALT)


def court(job: DeliveryJob, cluster: str, memory: Memory | None = None) -> Court:
    return Court(
        rulings(job),
        verdicts.version(job, SALT),
        Memory(100) if memory is None else memory,
        cluster,
    )


def labels_of(verdict: Verdict, cluster: Court) -> dict[str, str]:
    tail = b"" if verdict.tail is None else cluster.id + verdict.tail
    return remote_write.decode_labels(verdict.head + tail)


def ask(court: Court, labels: dict[str, str]) -> Verdict:
    return court.find(court.prefix + remote_write.encode_labels(labels), stripped=False)


def test_a_permitted_series_gets_id_and_labels() -> None:
    one = court(testing.job(POLICY), "c")

    verdict = ask(one, LABELS)

    assert (verdict.permitted, verdict.reason, verdict.name) == (True, None, "up")
    assert labels_of(verdict, one) == {**LABELS, "_id": "c", "fleet": "eu"}


def test_a_rejected_and_a_left_out_series_are_told_apart() -> None:
    job = testing.job(POLICY, rules=((Matcher("job", "=", "x"),),))
    one = court(job, "c")

    assert ask(one, {"__name__": "up"}).reason is Reason.MISSING_LABEL
    left_out = ask(one, {"__name__": "up", "job": "y"})
    assert (left_out.permitted, left_out.reason) == (False, None)


def test_clusters_share_what_does_not_depend_on_their_id() -> None:
    job, memory = testing.job(POLICY), Memory(100)
    first, second = court(job, "a", memory), court(job, "b", memory)

    verdict = ask(first, LABELS)

    assert ask(second, LABELS) is verdict
    assert len(memory) == 1
    assert labels_of(verdict, second)["_id"] == "b"


@pytest.mark.parametrize(
    "job",
    [
        pytest.param(testing.job(POLICY, rules=((Matcher("_id", "=", "a"),),)), id="in a rule"),
        pytest.param(
            testing.job(
                POLICY,
                steps=LabelSteps(anonymise=("_id",), salt=SecretRef(name="s", key="k")),
            ),
            id="anonymised",
        ),
        pytest.param(
            testing.job(
                POLICY,
                relabelings=(RelabelRule(source_labels=("_id",), target_label="copy"),),
            ),
            id="relabelled",
        ),
        pytest.param(testing.job(POLICY, extra_labels={"_id": "x"}), id="overridden"),
    ],
)
def test_what_depends_on_the_id_is_not_shared(job: DeliveryJob) -> None:
    memory = Memory(100)
    first, second = court(job, "a", memory), court(job, "b", memory)

    found = [labels_of(ask(one, LABELS), one) for one in (first, second, first)]

    alone = [labels_of(ask(one, LABELS), one) for one in (court(job, "a"), court(job, "b"))]
    assert found == [alone[0], alone[1], alone[0]]
    assert len(memory) == 2


def test_an_id_among_other_labels_is_compared_and_one_too_many_is_refused() -> None:
    one = court(testing.job(), "c")

    assert ask(one, {**LABELS, "_id": "c"}).permitted
    with pytest.raises(Foreign):
        ask(one, {**LABELS, "_id": "another"})
    key = one.prefix + remote_write.encode_labels({**LABELS, "_id": "c"})
    with pytest.raises(errors.Undecodable, match="twice"):
        one.find(key, stripped=True)


def test_an_id_that_is_remembered_is_not_another_clusters() -> None:
    memory = Memory(100)
    assert ask(court(testing.job(), "a", memory), {**LABELS, "_id": "a"}).permitted

    with pytest.raises(Foreign):
        ask(court(testing.job(), "b", memory), {**LABELS, "_id": "a"})


def test_another_version_of_a_job_has_verdicts_of_its_own() -> None:
    memory = Memory(100)
    wide = testing.job()
    narrow = testing.job(rules=((Matcher("__name__", "=", "down"),),))

    assert ask(court(wide, "c", memory), LABELS).permitted
    assert not ask(court(narrow, "c", memory), LABELS).permitted


def test_values_are_anonymised_as_telemeter_does() -> None:
    steps = LabelSteps(anonymise=("instance",), salt=SecretRef(name="s", key="k"))
    one = court(testing.job(steps=steps), "c")

    found = labels_of(ask(one, {**LABELS, "instance": "10.0.0.1:9090"}), one)

    assert found["instance"] == "lzWa1xBtjO-Y"


def test_a_job_that_does_not_compile_is_refused() -> None:
    steps = LabelSteps(anonymise=("a",), salt=SecretRef(name="s", key="k"))
    job = testing.job(steps=steps)
    assert job.push is not None

    with pytest.raises(ValueError, match="salt"):
        Rulings(job, job.push, b"")


def test_the_memory_is_bounded_and_keeps_what_is_used() -> None:
    memory = Memory(100)
    memory.put(b"used", Verdict())
    for number in range(1000):
        memory.put(b"%d" % number, Verdict(head=bytes(300)))
        assert memory.get(b"used") is not None
        assert len(memory) <= 110


def test_large_verdicts_count_for_more() -> None:
    memory = Memory(100)
    for number in range(1000):
        memory.put(b"%d" % number, Verdict(head=bytes(20_000)))

    assert len(memory) <= 4


def test_labels_that_are_far_too_long_are_rejected_undecoded() -> None:
    one = court(testing.job(), "c")
    huge = b"\xff" * 5000  # not even UTF-8

    for labels in (
        pushed.label(b"a", huge),
        pushed.label(huge, b"b"),
        b"".join(pushed.label(b"%d" % n, b"b" * 200) for n in range(1000)),
    ):
        assert one.find(one.prefix + labels, stripped=False).reason is Reason.TOO_LONG
