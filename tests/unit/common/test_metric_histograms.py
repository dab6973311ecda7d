"""Numbers in labels are Prometheus' own text, and native histograms keep every field."""

import math

import pytest

from tenantry_common import metric_histograms
from tenantry_common.proto import metrics_pb2, remote_pb2
from tenantry_common.pushed import MetricType


@pytest.mark.parametrize(
    ("value", "text"),
    [  # strconv.FormatFloat(x, 'g', -1, 64), and ".0" where neither "e" nor "." is in it
        (1.0, "1.0"),
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (0.5, "0.5"),
        (0.005, "0.005"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (1.5e-7, "1.5e-07"),
        (10.0, "10.0"),
        (100000.0, "100000.0"),
        (1000000.0, "1e+06"),
        (1234567.0, "1.234567e+06"),
        (123456.75, "123456.75"),
        (1e21, "1e+21"),
        (1.7976931348623157e308, "1.7976931348623157e+308"),
        (5e-324, "5e-324"),
        (-2.5, "-2.5"),
        (0.1, "0.1"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
        (math.nan, "NaN"),
    ],
)
def test_numbers_are_written_as_prometheus_writes_them(value: float, text: str) -> None:
    assert metric_histograms.go_float(value) == text


def native() -> metrics_pb2.Histogram:
    message = metrics_pb2.Histogram(
        sample_count=7, sample_sum=1.5, schema=-2, zero_threshold=0.25, zero_count=1
    )
    message.negative_span.add(offset=-3, length=2)
    message.negative_delta.extend([1, -1])
    message.positive_span.add(offset=4, length=1)
    message.positive_delta.append(3)
    return message


def test_a_native_histogram_keeps_every_field() -> None:
    found = metric_histograms.native(native().SerializeToString(), MetricType.HISTOGRAM)

    assert found is not None
    wanted = remote_pb2.Histogram(
        count_int=7, sum=1.5, schema=-2, zero_threshold=0.25, zero_count_int=1
    )
    wanted.negative_spans.add(offset=-3, length=2)
    wanted.negative_deltas.extend([1, -1])
    wanted.positive_spans.add(offset=4, length=1)
    wanted.positive_deltas.append(3)
    assert remote_pb2.Histogram.FromString(found) == wanted


def test_a_native_histogram_of_floats_and_a_gauge_are_told() -> None:
    message = metrics_pb2.Histogram(
        sample_count_float=7.5, schema=1, zero_count_float=0.5, negative_count=[1.0, 2.0]
    )
    message.positive_count.append(3.5)

    found = metric_histograms.native(message.SerializeToString(), MetricType.GAUGE_HISTOGRAM)

    assert found is not None
    read = remote_pb2.Histogram.FromString(found)
    assert (read.count_float, read.zero_count_float) == (7.5, 0.5)
    assert (list(read.negative_counts), list(read.positive_counts)) == ([1.0, 2.0], [3.5])
    assert read.reset_hint == remote_pb2.Histogram.ResetHint.GAUGE


def test_a_native_histogram_has_no_classic_series_unless_it_has_buckets() -> None:
    both = native()
    both.bucket.add(cumulative_count=2, upper_bound=1.0)

    assert metric_histograms.classic(native().SerializeToString()) == []
    assert len(metric_histograms.classic(both.SerializeToString())) == 4
    assert metric_histograms.native(both.SerializeToString(), MetricType.HISTOGRAM) is not None


def test_a_classic_histogram_is_not_native() -> None:
    message = metrics_pb2.Histogram(sample_count=1)

    assert metric_histograms.native(message.SerializeToString(), MetricType.HISTOGRAM) is None
    assert [suffix for suffix, _, _ in metric_histograms.classic(message.SerializeToString())] == [
        b"_bucket",
        b"_sum",
        b"_count",
    ]
