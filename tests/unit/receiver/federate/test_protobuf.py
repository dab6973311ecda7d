"""Pages of protocol buffers, read back with the generated classes of `MetricFamily`."""

import io
import struct
from collections.abc import Mapping

import pytest
from google.protobuf import proto as delimited
from hypothesis import given
from hypothesis import strategies as st

from receiver.federate import rows
from receiver.federate.protobuf import Protobuf
from receiver.federate.testing import metric, request
from tenantry_common.proto import metrics_pb2, remote_pb2

TEXT = st.text(min_size=1, max_size=200, alphabet=st.characters(exclude_categories=["Cs"]))
LABELS = st.dictionaries(TEXT.filter(lambda name: name != "__name__"), TEXT, max_size=4)


def page(
    encoded_request: bytes, types: Mapping[str, str] | None = None, *, utf8: bool = True
) -> list[metrics_pb2.MetricFamily]:
    format = Protobuf(utf8=utf8)
    encoded = format.encode([row for _, row in rows.read(encoded_request)], types or {})
    stream = io.BytesIO(
        b"".join(
            piece
            for key in sorted(encoded)
            for piece in format.family(key.family, "", [encoded[key]])
        )
        + format.end
    )
    found = []
    while (family := delimited.parse_length_prefixed(metrics_pb2.MetricFamily, stream)) is not None:
        found.append(family)
    return found


def same_bits(left: float, right: float) -> bool:
    return struct.pack("<d", left) == struct.pack("<d", right)


@given(st.lists(st.tuples(TEXT, LABELS, st.floats(), st.integers(0, 2**62)), max_size=5))
def test_series_read_back_bit_for_bit(
    series: list[tuple[str, dict[str, str], float, int]],
) -> None:
    families = page(request(*((metric(n) | labels, v, t) for n, labels, v, t in series)))

    found = [
        (family.name, {p.name: p.value for p in one.label}, one.untyped.value, one.timestamp_ms)
        for family in families
        for one in family.metric
    ]

    assert sorted((n, sorted(labels.items()), t) for n, labels, _, t in found) == sorted(
        (n, sorted(labels.items()), t) for n, labels, _, t in series
    )
    by_name = sorted(series, key=lambda one: one[0])
    assert all(same_bits(left[2], right[2]) for left, right in zip(found, by_name, strict=True))


def test_types_decide_where_the_value_stands() -> None:
    encoded = request((metric("c"), 1, 5), (metric("g"), 2, 5), (metric("h_sum"), 3, 5))

    families = {
        one.name: one for one in page(encoded, {"c": "counter", "g": "gauge", "h": "histogram"})
    }

    assert families["c"].type == metrics_pb2.COUNTER
    assert families["c"].metric[0].counter.value == 1
    assert families["g"].type == metrics_pb2.GAUGE
    assert families["g"].metric[0].gauge.value == 2
    assert families["h_sum"].type == metrics_pb2.UNTYPED
    assert families["h_sum"].metric[0].untyped.value == 3


def histogram(**fields: object) -> bytes:
    made = remote_pb2.WriteRequest()
    series = made.timeseries.add()
    series.labels.add(name="__name__", value="h")
    series.histograms.add(**fields)
    encoded: bytes = made.SerializeToString()
    return encoded


def test_a_native_histogram_keeps_all_it_has() -> None:
    made = remote_pb2.WriteRequest()
    series = made.timeseries.add()
    series.labels.add(name="__name__", value="h")
    whole = series.histograms.add(
        count_int=7, sum=18.5, schema=-2, zero_threshold=0.01, zero_count_int=3, timestamp=99
    )
    whole.positive_spans.add(offset=-4, length=2)
    whole.positive_deltas.extend((1, -1))
    whole.negative_spans.add(offset=9, length=1)
    whole.negative_deltas.append(2)

    [family] = page(made.SerializeToString())

    [one] = family.metric
    assert (family.type, one.timestamp_ms) == (metrics_pb2.HISTOGRAM, 99)
    found = one.histogram
    assert (found.sample_count, found.sample_sum, found.schema) == (7, 18.5, -2)
    assert (found.zero_threshold, found.zero_count) == (0.01, 3)
    assert [(span.offset, span.length) for span in found.positive_span] == [(-4, 2)]
    assert [(span.offset, span.length) for span in found.negative_span] == [(9, 1)]
    assert (list(found.positive_delta), list(found.negative_delta)) == ([1, -1], [2])


def test_a_float_histogram_and_a_gauge_histogram() -> None:
    [family] = page(
        histogram(count_float=1.5, zero_count_float=1.5, sum=2, reset_hint=3, timestamp=1)
    )

    assert family.type == metrics_pb2.GAUGE_HISTOGRAM
    [one] = family.metric
    assert (one.histogram.sample_count_float, one.histogram.zero_count_float) == (1.5, 1.5)


def test_a_histogram_without_buckets_is_still_a_native_one() -> None:
    [family] = page(histogram(count_int=0, timestamp=1))

    [span] = family.metric[0].histogram.positive_span
    assert (span.offset, span.length) == (0, 0)


def test_custom_bounds_have_no_place() -> None:
    assert page(histogram(count_int=1, schema=-53, custom_values=[1.0], timestamp=1)) == []


@pytest.mark.parametrize(
    ("utf8", "name", "label"),
    [(True, "http.requests", "host.name"), (False, "U__http_2e_requests", "U__host_2e_name")],
)
def test_names_are_escaped_for_who_reads_no_others(utf8: bool, name: str, label: str) -> None:
    [family] = page(request((metric("http.requests", **{"host.name": "a"}), 1, 1)), utf8=utf8)

    assert family.name == name
    assert [(pair.name, pair.value) for pair in family.metric[0].label] == [(label, "a")]
