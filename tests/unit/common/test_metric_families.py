"""What is cut out of the bytes of metric families is what protobuf's own objects hold."""

import contextlib
import math
import struct
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry_common import errors, metric_families, protowire, pushed, remote_write
from tenantry_common.metric_histograms import go_float
from tenantry_common.proto import metrics_pb2
from tenantry_common.pushed import Group, MetricType

NOW = 1_790_000_000_000

type Flat = list[tuple[str, tuple[tuple[str, str], ...], bytes, int | None]]
"""Name, labels in the order in which they stand, the value's bytes, and milliseconds."""

names = st.text(
    st.characters(categories=("L", "N"), include_characters="_:"), min_size=1, max_size=9
)
texts = st.text(max_size=150)
doubles = st.floats(allow_nan=True, allow_infinity=True, width=64)
stamps = st.one_of(
    st.none(), st.just(NOW), st.integers(NOW - 5, NOW + 5), st.integers(-(2**63), 2**63 - 1)
)
counts = st.integers(0, 2**53)


def _labels(draw: st.DrawFn, metric: metrics_pb2.Metric) -> None:
    for name in draw(st.lists(names, unique=True, max_size=4)):
        metric.label.add(name=name, value=draw(texts))


@st.composite
def families(draw: st.DrawFn) -> metrics_pb2.MetricFamily:
    kind = draw(st.sampled_from(["COUNTER", "GAUGE", "SUMMARY", "UNTYPED", "HISTOGRAM"]))
    family = metrics_pb2.MetricFamily(name=draw(names), help=draw(texts), type=kind)
    for _ in range(draw(st.integers(0, 4))):
        metric = family.metric.add()
        _labels(draw, metric)
        if (stamp := draw(stamps)) is not None:
            metric.timestamp_ms = stamp
        if kind == "SUMMARY":
            metric.summary.sample_count = draw(counts)
            metric.summary.sample_sum = draw(doubles)
            for _ in range(draw(st.integers(0, 2))):
                metric.summary.quantile.add(quantile=draw(st.floats(0, 1)), value=draw(doubles))
        elif kind == "HISTOGRAM":
            metric.histogram.sample_count = draw(counts)
            metric.histogram.sample_sum = draw(doubles)
            for bound in draw(st.lists(st.floats(allow_nan=False), max_size=3, unique=True)):
                metric.histogram.bucket.add(cumulative_count=draw(counts), upper_bound=bound)
        else:
            getattr(metric, kind.lower()).value = draw(doubles)
    return family


def flat(family: metrics_pb2.MetricFamily) -> Flat:
    """Return what an object holds, flattened by the objects' own fields."""
    found: Flat = []
    for metric in family.metric:
        labels = tuple((one.name, one.value) for one in metric.label)
        stamp = metric.timestamp_ms if metric.HasField("timestamp_ms") else None

        def say(
            suffix: str,
            value: float,
            *more: tuple[str, str],
            labels: object = labels,
            stamp: object = stamp,
        ) -> None:
            packed = struct.pack("<d", value)
            found.append((family.name + suffix, (*labels, *more), packed, stamp))  # type: ignore[misc, arg-type]

        for kind in ("gauge", "counter", "untyped"):
            if metric.HasField(kind):
                say("", getattr(metric, kind).value)
        if metric.HasField("summary"):
            for one in metric.summary.quantile:
                say("", one.value, ("quantile", go(one.quantile)))
            say("_sum", metric.summary.sample_sum)
            say("_count", float(metric.summary.sample_count))
        if metric.HasField("histogram"):
            buckets = [(b.upper_bound, b.cumulative_count) for b in metric.histogram.bucket]
            if math.inf not in dict(buckets):
                buckets.append((math.inf, metric.histogram.sample_count))
            for bound, count in buckets:
                say("_bucket", float(count), ("le", go(bound)))
            say("_sum", metric.histogram.sample_sum)
            say("_count", float(metric.histogram.sample_count))
    return found


def go(value: float) -> str:
    """Read back below; that the text is Prometheus' own is another test's business."""
    return go_float(value)


def read(data: bytes) -> Flat:
    found: Flat = []
    for group in metric_families.read(data):
        (name,) = remote_write.decode_labels(group.name).values()
        for labels, value, stamp in group.rows:
            pairs = tuple(_pairs(labels))
            when = (
                protowire.signed(protowire.read_varint(stamp, 0, len(stamp))[0]) if stamp else None
            )
            found.append((name, pairs, value, when))
    return found


def _pairs(labels: bytes) -> list[tuple[str, str]]:
    found = []
    for field in protowire.fields(labels, 0, len(labels)):
        one = metrics_pb2.LabelPair.FromString(labels[field.start : field.end])
        found.append((one.name, one.value))
    return found


def delimited(*families: metrics_pb2.MetricFamily) -> bytes:
    messages = [family.SerializeToString() for family in families]
    return b"".join(protowire.varint(len(message)) + message for message in messages)


@given(st.lists(families(), max_size=4))
def test_what_is_read_is_what_the_objects_hold(pushed_: list[metrics_pb2.MetricFamily]) -> None:
    assert sorted(read(delimited(*pushed_)), key=repr) == sorted(
        (one for family in pushed_ for one in flat(family)), key=repr
    )


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(errors.Undecodable):  # and nothing else
        metric_families.read(data)


@given(st.lists(families(), min_size=1, max_size=2), st.data())
def test_a_body_that_was_damaged_is_read_or_refused(
    pushed_: list[metrics_pb2.MetricFamily], data: st.DataObject
) -> None:
    body = bytearray(delimited(*pushed_))
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        groups = metric_families.read(bytes(body))
    except errors.Undecodable:
        return
    assert all(len(value) == 8 for group in groups for _, value, _ in group.rows)


@given(st.lists(families(), max_size=3), st.data())
def test_the_fast_way_and_the_slow_way_agree_also_on_damaged_bodies(
    pushed_: list[metrics_pb2.MetricFamily], data: st.DataObject
) -> None:
    body = bytearray(delimited(*pushed_))
    for _ in range(data.draw(st.integers(0, 2)) if body else 0):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))

    with mock.patch.object(metric_families, "_usual", return_value=None):
        slow = _outcome(bytes(body))
    assert _outcome(bytes(body)) == slow


def _outcome(body: bytes) -> list[Group] | None:
    try:
        return metric_families.read(body)
    except errors.Undecodable:
        return None


def test_fields_may_stand_in_any_order_and_others_are_passed_over() -> None:
    label = pushed.label(b"a", b"b")
    stamp = b"\x30" + protowire.varint(NOW)
    value = protowire.delimited(2, b"\x09" + struct.pack("<d", 1.5))
    unknown = protowire.delimited(99, b"?")
    metric = protowire.delimited(4, stamp + value + unknown + label)
    family = metric + unknown + protowire.delimited(1, b"up")

    found = read(protowire.varint(len(family)) + family)

    assert found == [("up", (("a", "b"),), struct.pack("<d", 1.5), NOW)]


def test_a_timestamp_is_not_taken_for_more_than_it_is() -> None:
    """Six bytes behind the tag of the timestamp need not be one number."""
    value = protowire.delimited(2, b"\x09" + struct.pack("<d", 1.5))
    tail = b"\x30\x05" + protowire.delimited(15, b"abc")
    assert len(tail) == 7
    metric = protowire.delimited(4, pushed.label(b"a", b"b") + value + tail)
    family = protowire.delimited(1, b"up") + metric

    ((_, _, _, when),) = read(protowire.varint(len(family)) + family)

    assert when == 5


def test_the_type_of_a_family_is_told() -> None:
    family = metrics_pb2.MetricFamily(name="up", type=metrics_pb2.GAUGE)
    family.metric.add().gauge.value = 1.0

    (group,) = metric_families.read(delimited(family))

    assert (group.family, group.type) == ("up", MetricType.GAUGE)


@pytest.mark.parametrize(
    ("data", "position"),
    [
        pytest.param(b"\x05abc", 0, id="longer than the body"),
        pytest.param(b"\x00\xff", 1, id="a length that does not end"),
        pytest.param(b"\x03\x22\x05a", 1, id="a metric longer than its family"),
        pytest.param(b"\x02\x0b\x00", 1, id="a group"),
        pytest.param(b"\x02\x0a\x05abcde", 1, id="a name longer than its family"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_position(data: bytes, position: int) -> None:
    with pytest.raises(errors.Undecodable, match=f"position {position}:"):
        metric_families.read(data)
