"""The byte walkers and protobuf's own objects say the same about any request."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from tenantry_common import contracts, errors, remote_read, remote_write
from tenantry_common.proto import remote_pb2 as pb

names = st.text(min_size=1, max_size=8)
values = st.text(max_size=40)
bits = st.integers(min_value=0, max_value=(1 << 64) - 1)
stamps = st.integers(min_value=-(1 << 63), max_value=(1 << 63) - 1)
label_sets = st.dictionaries(names, values, max_size=5)


def as_double(raw: int) -> float:
    [value] = struct.unpack("<d", struct.pack("<Q", raw))
    return float(value)


@st.composite
def histograms(draw: st.DrawFn) -> pb.Histogram:
    return pb.Histogram(
        count_int=draw(st.integers(0, 1000)),
        sum=draw(st.floats(allow_nan=False)),
        schema=draw(st.integers(-4, 8)),
        positive_spans=[pb.BucketSpan(offset=draw(st.integers(-9, 9)), length=2)],
        positive_deltas=[1, draw(st.integers(-5, 5))],
        timestamp=draw(stamps),
    )


@st.composite
def time_series(draw: st.DrawFn) -> pb.TimeSeries:
    labels = draw(label_sets)
    return pb.TimeSeries(
        labels=[pb.Label(name=name, value=value) for name, value in labels.items()],
        samples=[
            pb.Sample(value=as_double(raw), timestamp=stamp)
            for raw, stamp in draw(st.lists(st.tuples(bits, stamps), max_size=6))
        ],
        histograms=draw(st.lists(histograms(), max_size=2)),
    )


requests = st.builds(pb.WriteRequest, timeseries=st.lists(time_series(), max_size=6))


def labels_of(series: pb.TimeSeries) -> dict[str, str]:
    return {label.name: label.value for label in series.labels if label.value}


@given(requests)
def test_series_labels_and_counts_agree(request: pb.WriteRequest) -> None:
    data = request.SerializeToString()

    spans = list(remote_write.series(data))

    assert [data[s.start : s.end] for s in spans] == [
        series.SerializeToString() for series in request.timeseries
    ]
    assert [remote_write.series_labels(data, span) for span in spans] == [
        labels_of(series) for series in request.timeseries
    ]
    assert remote_write.count(data) == remote_write.Counts(
        len(request.timeseries),
        sum(len(s.samples) + len(s.histograms) for s in request.timeseries),
    )


@given(time_series())
def test_series_rebuilt_from_its_labels_and_sample_bytes_keeps_every_bit(
    series: pb.TimeSeries,
) -> None:
    data = series.SerializeToString()
    begin = remote_write.labels_end(data, 0, len(data))

    rebuilt = remote_write.time_series(
        remote_write.encode_labels(remote_write.decode_labels(data[:begin])), data[begin:]
    )

    [parsed] = pb.WriteRequest.FromString(rebuilt).timeseries
    assert [(label.name, label.value) for label in parsed.labels] == sorted(
        labels_of(series).items()
    )
    assert [(struct.pack("<d", s.value), s.timestamp) for s in parsed.samples] == [
        (struct.pack("<d", s.value), s.timestamp) for s in series.samples
    ]
    assert list(parsed.histograms) == list(series.histograms)


@given(time_series(), stamps, stamps)
def test_timestamps_and_cut_agree(series: pb.TimeSeries, after: int, until: int) -> None:
    data = series.SerializeToString()
    begin = remote_write.labels_end(data, 0, len(data))
    floats = [s.timestamp for s in series.samples]
    native = [h.timestamp for h in series.histograms]

    found = [stamp for _, stamp in remote_write.timestamps(data, begin, len(data))]
    kept = pb.TimeSeries.FromString(
        remote_write.cut(data, begin, len(data), after=after, until=until)
    )

    assert found == floats + native
    assert remote_write.first_and_last(data, begin, len(data)) == (
        (min(found), max(found)) if found else None
    )
    assert [s.timestamp for s in kept.samples] == [t for t in floats if after < t <= until]
    assert [h.timestamp for h in kept.histograms] == [t for t in native if after < t <= until]


@given(requests)
def test_split_requests_hold_every_series_once(request: pb.WriteRequest) -> None:
    data = request.SerializeToString()

    singles = remote_write.singles(data)

    assert [s for one in singles for s in pb.WriteRequest.FromString(one).timeseries] == list(
        request.timeseries
    )
    if len(singles) > 1:
        first, second = map(pb.WriteRequest.FromString, remote_write.halves(data))
        assert [*first.timeseries, *second.timeseries] == list(request.timeseries)


@given(requests, st.data())
def test_request_cut_off_anywhere_is_refused_or_shorter(
    request: pb.WriteRequest, data: st.DataObject
) -> None:
    whole = request.SerializeToString()
    cut_off = whole[: data.draw(st.integers(0, len(whole)))]

    try:
        spans = list(remote_write.series(cut_off))
    except errors.Undecodable:
        return

    assert len(pb.WriteRequest.FromString(cut_off).timeseries) == len(spans)


queries = st.builds(
    remote_read.Query,
    matchers=st.lists(
        st.builds(contracts.Matcher, names, st.sampled_from(["=", "!=", "=~", "!~"]), values),
        max_size=4,
    ).map(tuple),
    start_ms=stamps,
    end_ms=stamps,
)


@given(st.lists(queries, max_size=3))
def test_read_request_means_what_was_asked(asked: list[remote_read.Query]) -> None:
    parsed = pb.ReadRequest.FromString(remote_read.encode_request(asked))

    types = {0: "=", 1: "!=", 2: "=~", 3: "!~"}
    assert [
        (
            [(m.name, types[m.type], m.value) for m in query.matchers],
            query.start_timestamp_ms,
            query.end_timestamp_ms,
        )
        for query in parsed.queries
    ] == [
        ([(m.label, m.op, m.value) for m in query.matchers], query.start_ms, query.end_ms)
        for query in asked
    ]


@given(st.lists(st.lists(time_series(), max_size=3), max_size=3))
def test_series_of_an_answer_are_write_requests_by_themselves(
    results: list[list[pb.TimeSeries]],
) -> None:
    answer = pb.ReadResponse(results=[pb.QueryResult(timeseries=r) for r in results])
    data = answer.SerializeToString()

    found = b"".join(data[span.entry : span.end] for span in remote_read.series(data))

    assert list(pb.WriteRequest.FromString(found).timeseries) == [s for r in results for s in r]
