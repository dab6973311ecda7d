"""Remote write 2.0 says what 1.0 said, as protobuf's own objects read it."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tenantry_common import errors, remote_write, remote_write_v2
from tenantry_common.proto import remote_pb2 as v1
from tenantry_common.proto import remote_v2_pb2 as v2

names = st.text(min_size=1, max_size=8)
stamps = st.integers(min_value=-(1 << 63), max_value=(1 << 63) - 1)
bits = st.integers(min_value=0, max_value=(1 << 64) - 1)


def as_double(raw: int) -> float:
    [value] = struct.unpack("<d", struct.pack("<Q", raw))
    return float(value)


samples = st.builds(
    lambda raw, stamp: v1.Sample(value=as_double(raw), timestamp=stamp), bits, stamps
)
histograms = st.builds(
    lambda count, deltas, stamp: v1.Histogram(
        count_int=count,
        sum=1.5,
        schema=-2,
        positive_spans=[v1.BucketSpan(offset=-1, length=len(deltas))],
        positive_deltas=deltas,
        reset_hint=v1.Histogram.GAUGE,
        timestamp=stamp,
    ),
    st.integers(0, 1000),
    st.lists(st.integers(-5, 5), max_size=3),
    stamps,
)
series = st.builds(
    lambda labels, values, native: v1.TimeSeries(
        labels=[v1.Label(name=name, value=value) for name, value in sorted(labels.items())],
        samples=values,
        histograms=native,
    ),
    st.dictionaries(names, st.text(max_size=8), max_size=5),
    st.lists(samples, max_size=4),
    st.lists(histograms, max_size=2),
)
requests = st.builds(v1.WriteRequest, timeseries=st.lists(series, max_size=6))


def labels(found: v2.TimeSeries, symbols: list[str]) -> list[tuple[str, str]]:
    refs = [symbols[ref] for ref in found.labels_refs]
    return list(zip(refs[::2], refs[1::2], strict=True))


def value_bits(found: v1.TimeSeries | v2.TimeSeries) -> list[tuple[bytes, int]]:
    return [(struct.pack("<d", sample.value), sample.timestamp) for sample in found.samples]


def assert_same(converted: remote_write_v2.Converted, request: v1.WriteRequest) -> None:
    read = v2.Request.FromString(converted.request)
    symbols = list(read.symbols)
    assert symbols[0] == ""
    assert len(set(symbols)) == len(symbols)
    assert [labels(one, symbols) for one in read.timeseries] == [
        [(label.name, label.value) for label in one.labels] for one in request.timeseries
    ]
    assert list(map(value_bits, read.timeseries)) == list(map(value_bits, request.timeseries))
    assert [[h.SerializeToString() for h in one.histograms] for one in read.timeseries] == [
        [h.SerializeToString() for h in one.histograms] for one in request.timeseries
    ]
    assert (converted.samples, converted.histograms) == (
        sum(len(one.samples) for one in request.timeseries),
        sum(len(one.histograms) for one in request.timeseries),
    )


@given(requests)
def test_a_converted_request_says_the_same(request: v1.WriteRequest) -> None:
    assert_same(remote_write_v2.from_v1(request.SerializeToString()), request)


@settings(max_examples=50)
@given(
    st.lists(series, min_size=1, max_size=12),
    st.lists(st.lists(st.tuples(st.integers(0, 11), st.lists(samples, max_size=3)), max_size=12)),
    st.sampled_from([0, 3, 10, 1000]),
)
def test_whatever_was_converted_before_changes_nothing(
    known: list[v1.TimeSeries],
    windows: list[list[tuple[int, list[v1.Sample]]]],
    limit: int,
) -> None:
    """Windows of series that come again, in this order or another, with other samples."""
    converter = remote_write_v2.Converter(limit)
    for window in windows:
        request = v1.WriteRequest()
        for number, values in window:
            one = request.timeseries.add()
            one.labels.extend(known[number % len(known)].labels)
            one.samples.extend(values)
        assert_same(converter.from_v1(request.SerializeToString()), request)


def test_a_series_that_grows_a_label_is_another_one() -> None:
    converter = remote_write_v2.Converter(100)
    few = [v1.Label(name="a", value="b")]
    more = [*few, v1.Label(name="c", value="d")]
    for found in (few, more, few):
        one = v1.TimeSeries(labels=found, samples=[v1.Sample(value=1, timestamp=2)])
        request = v1.WriteRequest(timeseries=[one])
        assert_same(converter.from_v1(request.SerializeToString()), request)


def window(first: int, last: int) -> v1.WriteRequest:
    return v1.WriteRequest(
        timeseries=[
            v1.TimeSeries(
                labels=[v1.Label(name="n", value=str(n))], samples=[v1.Sample(timestamp=1)]
            )
            for n in range(first, last)
        ]
    )


def symbols_after(*windows: v1.WriteRequest) -> list[int]:
    """Return how many symbols the request of each window holds."""
    converter = remote_write_v2.Converter(1000)
    converted = (converter.from_v1(one.SerializeToString()).request for one in windows)
    return [len(v2.Request.FromString(request).symbols) for request in converted]


def test_a_table_does_not_grow_for_ever() -> None:
    moving = [window(n, n + 100) for n in range(0, 1000, 20)]

    assert max(symbols_after(*moving)) <= 2 + 2 * 100 + 2 * 20 + 8


def test_a_request_is_written_with_the_table_of_most_of_its_series() -> None:
    shifted = symbols_after(window(0, 100), window(100, 200), window(1, 101), window(101, 200))

    assert shifted == [102, 102, 103, 102]


@given(requests)
def test_what_was_converted_comes_back(request: v1.WriteRequest) -> None:
    there = remote_write_v2.from_v1(request.SerializeToString()).request
    back = v1.WriteRequest.FromString(remote_write_v2.to_v1(there))

    # Byte for byte: objects that hold NaN are not equal to themselves.
    assert back.SerializeToString() == request.SerializeToString()


def test_a_symbol_is_stored_once() -> None:
    one = v1.TimeSeries(labels=[v1.Label(name="a", value="a"), v1.Label(name="b", value="a")])
    request = v1.WriteRequest(timeseries=[one, one]).SerializeToString()

    read = v2.Request.FromString(remote_write_v2.from_v1(request).request)

    assert list(read.symbols) == ["", "a", "b"]
    assert [list(found.labels_refs) for found in read.timeseries] == [[1, 1, 2, 1]] * 2


@pytest.mark.parametrize(
    "request_v2",
    [
        pytest.param(v2.Request(symbols=["a"]), id="the first symbol is not empty"),
        pytest.param(v2.Request(), id="no symbols"),
        pytest.param(
            v2.Request(symbols=[""], timeseries=[v2.TimeSeries(labels_refs=[0, 1])]),
            id="a number beyond the table",
        ),
        pytest.param(
            v2.Request(symbols=["", "a"], timeseries=[v2.TimeSeries(labels_refs=[1])]),
            id="a name without a value",
        ),
    ],
)
def test_a_request_that_breaks_the_rules_is_refused(request_v2: v2.Request) -> None:
    with pytest.raises(errors.Undecodable):
        remote_write_v2.to_v1(request_v2.SerializeToString())


@given(requests, st.data())
def test_a_request_cut_off_anywhere_is_refused_or_shorter(
    request: v1.WriteRequest, data: st.DataObject
) -> None:
    whole = request.SerializeToString()
    cut_off = whole[: data.draw(st.integers(0, len(whole)))]

    try:
        converted = remote_write_v2.from_v1(cut_off)
    except errors.Undecodable:
        return

    assert remote_write.count(cut_off).samples == converted.samples + converted.histograms
