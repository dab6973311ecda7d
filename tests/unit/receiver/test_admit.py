"""What of a push is stored: ids, order, duplicates, and that fast and slow ways agree."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver import admit, testing, verdicts
from receiver.admit import Admitted, UnreadableLabels
from receiver.refusal import Reason, Refused
from receiver.stamps import Stamps
from receiver.verdicts import Court, Foreign, Memory, Rulings
from tenantry_common import (
    errors,
    metric_families,
    protowire,
    pushed,
    remote_write,
    written_rows,
)
from tenantry_common.contracts import DeliveryJob, LabelSteps, Matcher, PushPolicy
from tenantry_common.proto import remote_pb2
from tenantry_common.pushed import Group, MetricType

NOW = 1_790_000_000_000
JOB = testing.job()
MEMORY = Memory(1000)

type Samples = dict[tuple[tuple[str, str], ...], list[tuple[float, int]]]


def admitted(
    groups: list[Group], cluster: str = "c", job: DeliveryJob = JOB, *, strict: bool = False
) -> Admitted:
    assert job.push is not None
    court = Court(Rulings(job, job.push, b""), verdicts.version(job, b""), MEMORY, cluster)
    return admit.admit(groups, court, Stamps(job.push, NOW), strict=strict)


def samples(found: Admitted) -> Samples:
    request = b"".join(
        remote_write.time_series(labels, piece)
        for labels, one in found.series.items()
        for piece, _ in one.samples(1 << 20)
    )
    return {
        tuple((one.name, one.value) for one in series.labels): [
            (sample.value, sample.timestamp) for sample in series.samples
        ]
        for series in remote_pb2.WriteRequest.FromString(request).timeseries
    }


def upload(*families: bytes) -> list[Group]:
    return metric_families.read(b"".join(families))


def write(*series: tuple[dict[str, str], list[tuple[float, int]]]) -> list[Group]:
    request = remote_pb2.WriteRequest()
    for labels, values in series:
        one = request.timeseries.add()
        for name in sorted(labels):
            one.labels.add(name=name, value=labels[name])
        for value, stamp in values:
            one.samples.add(value=value, timestamp=stamp)
    group, _ = written_rows.read(request.SerializeToString())
    return [group]


@pytest.mark.parametrize(
    "labels",
    [
        pytest.param({"_id": "c", "a": "b"}, id="id in front"),
        pytest.param({"a": "b", "_id": "c"}, id="id behind"),
        pytest.param({"a": "b"}, id="no id"),
        pytest.param({"a": "b", "_id": ""}, id="an empty id"),
        pytest.param({"A": "", "a": "b", "_id": "c"}, id="an empty label"),
    ],
)
def test_a_series_has_its_id_once_wherever_it_stood(labels: dict[str, str]) -> None:
    wanted = {(("__name__", "up"), ("_id", "c"), ("a", "b")): [(1.0, NOW)]}

    for _ in range(2):  # unknown, and remembered
        assert samples(admitted(upload(testing.family("up", [(labels, 1.0, NOW)])))) == wanted
    assert samples(admitted(write(({**labels, "__name__": "up"}, [(1.0, NOW)])))) == wanted


def test_labels_that_sort_before_the_name_stay_in_order() -> None:
    found = admitted(write(({"A": "1", "__name__": "up", "_id": "c", "z": "2"}, [(1.0, NOW)])))

    assert list(samples(found)) == [(("A", "1"), ("__name__", "up"), ("_id", "c"), ("z", "2"))]


def test_another_clusters_id_refuses_the_push_also_when_it_is_remembered() -> None:
    family = testing.family("up", [({"_id": "a"}, 1.0, NOW)])
    assert samples(admitted(upload(family), "a"))

    for _ in range(2):
        with pytest.raises(Foreign):
            admitted(upload(family), "b")


def test_bytes_that_look_like_the_id_inside_a_value_are_left_alone() -> None:
    inside = pushed.label(b"_id", b"c").decode()
    found = admitted(write(({"__name__": "up", "x": f"<{inside}>"}, [(1.0, NOW)])))

    assert list(samples(found)) == [(("__name__", "up"), ("_id", "c"), ("x", f"<{inside}>"))]


def test_samples_of_a_series_are_in_order_and_none_is_twice() -> None:
    found = admitted(
        write(({"__name__": "up"}, [(3.0, NOW), (1.0, NOW - 2), (2.0, NOW - 1), (9.0, NOW)]))
    )

    (values,) = samples(found).values()
    assert values == [(1.0, NOW - 2), (2.0, NOW - 1), (3.0, NOW)]
    assert found.rejected == {Reason.DUPLICATE: 1}
    assert found.window == (NOW - 2, NOW)
    (one,) = found.series.values()
    assert one.newest() == pushed.sample(pushed_value(3.0), protowire.varint(NOW))


def pushed_value(value: float) -> bytes:
    return struct.pack("<d", value)


def test_series_that_steps_make_equal_are_the_first_of_them() -> None:
    job = testing.job(steps=LabelSteps(elide=("pod",)))
    family = testing.family("up", [({"pod": "1"}, 1.0, NOW), ({"pod": "2"}, 2.0, NOW + 1)])

    found = admitted(upload(family), job=job)

    assert list(samples(found).values()) == [[(1.0, NOW)]]
    assert found.rejected == {Reason.DUPLICATE: 1}


def test_decreasing_times_are_rejected_inside_a_family_only() -> None:
    groups = upload(
        testing.family("a", [({"n": "1"}, 1.0, NOW), ({"n": "2"}, 1.0, NOW - 1)]),
        testing.family("b", [({"n": "1"}, 1.0, NOW - 9)]),
    )

    found = admitted(groups)

    assert found.rejected == {Reason.DECREASING: 1}
    assert len(found.series) == 2
    assert len(found.kept[Reason.DECREASING]) == 1


def test_a_strict_policy_refuses_the_whole_push() -> None:
    groups = upload(testing.family("a", [({}, 1.0, NOW), ({"n": "2"}, 1.0, None)]))

    with pytest.raises(Refused, match="1 no-timestamp") as refused:
        admitted(groups, strict=True)
    assert refused.value.status == 400


def test_labels_that_cannot_be_read_are_found_in_the_body() -> None:
    body = testing.family("up", [({"a": "\0\0"}, 1.0, NOW)]).replace(b"\0\0", b"\xff\xff")

    with pytest.raises(UnreadableLabels) as error:
        admitted(metric_families.read(body))
    assert error.value.where(body) == f"position {body.index(pushed.label(b'a', bytes([255] * 2)))}"


def test_the_types_of_what_is_stored_are_told() -> None:
    job = testing.job(
        rules=((Matcher("__name__", "!=", "no"),),), steps=LabelSteps(rename={"up": "alive"})
    )
    groups = upload(
        testing.family("up", [({}, 1.0, NOW)], "GAUGE"),
        testing.family("no", [({}, 1.0, NOW)], "COUNTER"),
    )

    assert admitted(groups, job=job).types == {"alive": MetricType.GAUGE}
    assert admit.family("h_bucket", MetricType.HISTOGRAM) == "h"
    assert admit.family("h_bucket", MetricType.GAUGE) == "h_bucket"


def test_the_types_of_what_is_not_stored_are_not_told() -> None:
    job = testing.job(rules=((Matcher("__name__", "=~", "up|h_.*"),),))
    names = ("up", "secret", "h_bucket")
    found = admitted(write(*(({"__name__": name}, [(1.0, NOW)]) for name in names)), job=job)

    found.take_types(
        {"up": MetricType.GAUGE, "secret": MetricType.GAUGE, "h": MetricType.HISTOGRAM}
    )

    assert found.types == {"up": MetricType.GAUGE, "h": MetricType.HISTOGRAM}


def test_a_strict_policy_bears_duplicates() -> None:
    same = ({"n": "1"}, 1.0, NOW)

    assert len(admitted(upload(testing.family("a", [same, same])), strict=True).series) == 1


def test_long_series_are_stored_in_pieces() -> None:
    values = [(float(n), NOW - 100 + n) for n in range(100)]
    (one,) = admitted(write(({"__name__": "up"}, values))).series.values()

    pieces = one.samples(180)

    assert [count for _, count in pieces] == [10] * 10
    assert b"".join(piece for piece, _ in pieces) == one.samples(1 << 20)[0][0]


ids = st.sampled_from(["c", "d", ""])
label_sets = st.dictionaries(
    st.sampled_from(["a", "b", "Z", "_id", "_zz"]), st.sampled_from(["", "c", "x"])
)


@given(st.lists(st.tuples(label_sets, st.floats(allow_nan=False)), max_size=6), ids.filter(bool))
def test_a_memory_changes_nothing(series: list[tuple[dict[str, str], float]], cluster: str) -> None:
    body = testing.family("up", [(labels, value, NOW) for labels, value in series])
    wanted = {
        tuple(sorted({"__name__": "up", **kept(labels), "_id": cluster}.items())): value
        for labels, value in reversed(series)
    }
    if any(labels.get("_id") not in (None, "", cluster) for labels, _ in series):
        with pytest.raises(Foreign):
            admitted(upload(body), cluster)
        return

    found = samples(admitted(upload(body), cluster))

    assert {labels: values[0][0] for labels, values in found.items()} == wanted


def kept(labels: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in labels.items() if value}


def test_an_empty_allow_list_permits_nothing() -> None:
    job = testing.job(PushPolicy(sources=("*",)), rules=())

    found = admitted(upload(testing.family("up", [({}, 1.0, NOW)])), job=job)

    assert (found.series, found.left_out, found.rejected) == ({}, 1, {})


BODY = testing.family("up", [({"_id": "c", "a": "b"}, 1.0, NOW), ({"le": "1"}, 2.0, NOW)]) * 2
WRITE = b"".join(
    remote_write.time_series(
        pushed.name_label(b"up") + pushed.label(b"_id", b"c"),
        pushed.sample(struct.pack("<d", 1.0), protowire.varint(NOW)),
    )
    for _ in range(3)
)


@given(st.data(), st.sampled_from([BODY, WRITE]), st.integers(1, 6))
def test_a_damaged_body_is_stored_in_order_or_refused(
    data: st.DataObject, body: bytes, damages: int
) -> None:
    damaged = bytearray(body)
    for _ in range(damages):
        damaged[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        groups = (
            metric_families.read(bytes(damaged))
            if body is BODY
            else [written_rows.read(bytes(damaged))[0]]
        )
        found = admitted(groups)
    except (errors.Undecodable, Foreign):
        return

    for (name, *_), values in ((labels, v) for labels, v in samples(found).items()):
        assert name
        assert values == sorted(values, key=lambda one: one[1])
    assert all(dict(labels)["_id"] == "c" for labels in samples(found))
