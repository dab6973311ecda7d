"""The rows of a remote write are what protobuf's own objects hold, in both versions."""

import contextlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry_common import errors, protowire, pushed, remote_write, written_rows
from tenantry_common.proto import remote_pb2, remote_v2_pb2
from tenantry_common.pushed import MetricType

NOW = 1_790_000_000_000
names = st.text(min_size=1, max_size=9)
stamps = st.one_of(st.integers(NOW - 5, NOW + 5), st.integers(-(2**63), 2**63 - 1))
samples = st.lists(st.tuples(st.floats(), stamps), max_size=3)


@st.composite
def requests(draw: st.DrawFn) -> remote_pb2.WriteRequest:
    request = remote_pb2.WriteRequest()
    for _ in range(draw(st.integers(0, 4))):
        series = request.timeseries.add()
        for name in draw(st.lists(names, unique=True, max_size=3)):
            series.labels.add(name=name, value=draw(st.text(max_size=200)))
        for value, stamp in draw(samples):
            series.samples.add(value=value, timestamp=stamp)
        if draw(st.booleans()):
            series.histograms.add(count_int=draw(st.integers(0, 99)), timestamp=draw(stamps))
        if draw(st.booleans()):
            series.exemplars.add(value=1.0, timestamp=NOW)
    return request


def when(stamp: bytes) -> int:
    return protowire.signed(protowire.read_varint(stamp, 0, len(stamp))[0])


@given(requests())
def test_what_is_read_is_what_the_objects_hold(request: remote_pb2.WriteRequest) -> None:
    group, _ = written_rows.read(request.SerializeToString())

    found = [(_labels(labels), value, when(stamp)) for labels, value, stamp in group.rows]
    assert found == [
        (_of(series), struct.pack("<d", sample.value), sample.timestamp)
        for series in request.timeseries
        for sample in series.samples
    ]
    natives = [
        remote_pb2.Histogram.FromString(value + b"\x78" + stamp)
        for _, value, stamp in group.natives
    ]
    assert natives == [one for series in request.timeseries for one in series.histograms]


@given(requests())
def test_rows_become_the_samples_that_they_were(request: remote_pb2.WriteRequest) -> None:
    group, _ = written_rows.read(request.SerializeToString())
    again = b"".join(
        remote_write.time_series(labels, pushed.sample(value, stamp))
        for labels, value, stamp in group.rows
    )
    found = remote_pb2.WriteRequest.FromString(again)

    assert [(_of(s), s.samples[0].SerializeToString()) for s in found.timeseries] == [
        (_of(s), sample.SerializeToString()) for s in request.timeseries for sample in s.samples
    ]


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for read in (written_rows.read, written_rows.read_v2):
        with contextlib.suppress(errors.Undecodable):  # and nothing else
            read(data)


def test_a_request_of_2_0_has_the_same_rows() -> None:
    request = remote_v2_pb2.Request(symbols=["", "__name__", "up"])
    series = request.timeseries.add(labels_refs=[1, 2])
    series.samples.add(value=1.5, timestamp=NOW)

    group, _ = written_rows.read_v2(request.SerializeToString())

    ((labels, value, stamp),) = group.rows
    assert (_labels(labels), value, when(stamp)) == (
        [("__name__", "up")],
        struct.pack("<d", 1.5),
        NOW,
    )


def test_types_are_told() -> None:
    request = remote_pb2.WriteRequest()
    request.metadata.add(metric_family_name="up", type=remote_pb2.MetricMetadata.GAUGE)

    _, types = written_rows.read(request.SerializeToString())

    assert types == {"up": MetricType.GAUGE}


def test_a_label_behind_a_sample_is_refused() -> None:
    series = pushed.sample(bytes(8), b"\x01") + pushed.label(b"a", b"b")

    with pytest.raises(errors.Undecodable, match="a label behind samples"):
        written_rows.read(protowire.delimited(1, series))


def _labels(labels: bytes) -> list[tuple[str, str]]:
    return [
        (one.name, one.value)
        for field in protowire.fields(labels, 0, len(labels))
        for one in [remote_pb2.Label.FromString(labels[field.start : field.end])]
    ]


def _of(series: remote_pb2.TimeSeries) -> list[tuple[str, str]]:
    return [(one.name, one.value) for one in series.labels]
