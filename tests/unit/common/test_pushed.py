"""Rows are encoded as remote write has them."""

import struct

import pytest

from tenantry_common import protowire, pushed, remote_write
from tenantry_common.proto import remote_pb2


@pytest.mark.parametrize("stamp", [0, 5, 1_790_000_000_000, -1])
def test_a_sample_is_one_of_remote_write(stamp: int) -> None:
    field = pushed.sample(struct.pack("<d", 1.5), protowire.varint(stamp))
    series = remote_pb2.TimeSeries.FromString(pushed.label(b"a", b"b") + field)

    assert (series.samples[0].value, series.samples[0].timestamp) == (1.5, stamp)
    assert (series.labels[0].name, series.labels[0].value) == ("a", "b")


def test_a_native_histogram_gets_its_timestamp() -> None:
    histogram = remote_pb2.Histogram(count_int=2, schema=1)
    field = pushed.native(histogram.SerializeToString(), protowire.varint(7))
    series = remote_pb2.TimeSeries.FromString(field)

    assert series.histograms[0] == remote_pb2.Histogram(count_int=2, schema=1, timestamp=7)


def test_the_name_is_a_label() -> None:
    assert remote_write.decode_labels(pushed.name_label(b"up")) == {"__name__": "up"}
