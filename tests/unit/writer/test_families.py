"""Uploads decoded by the protobuf library hold what the batch holds."""

import contextlib
import io
import struct
from collections import Counter

import pytest
from google.protobuf import proto
from hypothesis import given
from hypothesis import strategies as st
from tests.push.reference_client import decode

from tenantry_common import errors, protowire, remote_write
from tenantry_common.proto import metrics_pb2, remote_pb2
from writer import families
from writer.testing import series

STALE = 0x7FF0000000000002


def metadata(kind: int, name: str) -> bytes:
    """A field `WriteRequest.metadata`."""
    value = protowire.tag(1, 0) + protowire.varint(kind) + protowire.delimited(2, name.encode())
    return protowire.delimited(3, value)


def stale(labels: dict[str, str], stamp: int) -> bytes:
    """A series with one stale marker, which is a NaN of its own."""
    point = b"\x09" + struct.pack("<Q", STALE) + b"\x10" + protowire.varint(stamp)
    encoded = protowire.delimited(remote_write.SAMPLE, point)
    return remote_write.time_series(remote_write.encode_labels(labels), encoded)


def upload(request: bytes, stamped: dict[str, str] | None = None, limit: int = 1 << 20) -> bytes:
    body, _ = families.pack(families.read(request, stamped or {}).samples, limit)
    return body


def test_families_are_whole_typed_and_in_order_of_time() -> None:
    request = (
        series({"__name__": "c", "a": "1"}, (1000, 1.0), (3000, 2.0))
        + series({"__name__": "c", "a": "2"}, (2000, 0.0))
        + series({"__name__": "g"}, (1000, -1.5))
        + metadata(1, "c")
        + metadata(2, "g")
        + metadata(3, "h")
    )

    counter, gauge = decode(upload(request, {"_id": "x"}))

    assert (counter.name, counter.type, gauge.name, gauge.type) == (
        "c",
        metrics_pb2.COUNTER,
        "g",
        metrics_pb2.GAUGE,
    )
    assert [
        (m.timestamp_ms, m.counter.value, [(p.name, p.value) for p in m.label])
        for m in counter.metric
    ] == [
        (1000, 1.0, [("_id", "x"), ("a", "1")]),
        (2000, 0.0, [("_id", "x"), ("a", "2")]),
        (3000, 2.0, [("_id", "x"), ("a", "1")]),
    ]
    assert counter.metric[1].counter.HasField("value")
    assert [(m.timestamp_ms, m.gauge.value) for m in gauge.metric] == [(1000, -1.5)]


def test_what_has_no_known_type_is_untyped_and_keeps_its_bits() -> None:
    [family] = decode(upload(stale({"__name__": "m"}, 5)))

    assert family.type == metrics_pb2.UNTYPED
    assert struct.pack("<d", family.metric[0].untyped.value) == struct.pack("<Q", STALE)


@pytest.mark.parametrize("limit", [1, 60, 200, 5_000])
def test_uploads_of_any_size_hold_every_sample_once(limit: int) -> None:
    requests = [
        series({"__name__": f"m{n % 3}", "n": str(n)}, (1, 1.0), (2, 2.0)) for n in range(9)
    ]
    samples = families.read(b"".join(requests), {}).samples

    found, sizes = [], []
    left = samples
    while left:
        body, taken = families.pack(left, limit)
        assert taken == left[: len(taken)]
        found += [
            (f.name, m.label[0].value, m.timestamp_ms) for f in decode(body) for m in f.metric
        ]
        sizes.append(len(body))
        left = left[len(taken) :]

    assert len(found) == 18
    assert len(set(found)) == 18
    assert all(size <= max(limit, 60) for size in sizes)


@pytest.mark.parametrize(
    ("labels", "why"),
    [
        pytest.param({"a": "1"}, "without a name", id="no name"),
        pytest.param({"__name__": "n" * 256}, "longer than 255", id="long metric name"),
        pytest.param({"__name__": "m", "l" * 256: "v"}, "longer than 255", id="long label name"),
        pytest.param({"__name__": "m", "l": "ü" * 128}, "longer than 255", id="bytes, not letters"),
        pytest.param({"__name__": "m", "_id": "other"}, "equals another", id="equal once stamped"),
    ],
)
def test_what_the_server_would_refuse_is_left_out(labels: dict[str, str], why: str) -> None:
    good = series({"__name__": "m"}, (1, 1.0))
    bad = series(labels, (1, 1.0))

    reading = families.read(good + bad, {"_id": "x"})

    assert [sample.series for sample in reading.samples] == [
        remote_write.encode_labels({"__name__": "m"})
    ]
    [left] = reading.unfit
    assert left.request == bad
    assert why in left.reason


def test_native_histograms_are_left_out() -> None:
    histogram = protowire.delimited(remote_write.HISTOGRAM, b"\x78\x01")
    request = remote_write.time_series(remote_write.encode_labels({"__name__": "h"}), histogram)

    reading = families.read(request, {})

    assert reading.samples == ()
    assert "native histograms" in reading.unfit[0].reason


def test_one_sample_of_each_series_at_a_time() -> None:
    request = b"".join(
        series({"__name__": n}, *((at, 1.0) for at in (1, 2, 3)[: len(n)]))
        for n in ("a", "bb", "ccc")
    )
    left = families.read(request, {}).samples

    found = []
    while left:
        body, taken = families.pack(left, 10_000, one_each=True)
        left = left[len(taken) :]
        found.append([(f.name, m.timestamp_ms) for f in decode(body) for m in f.metric])

    assert found == [[("a", 1), ("bb", 1), ("ccc", 1)], [("bb", 2), ("ccc", 2)], [("ccc", 3)]]


def test_samples_that_come_too_late_are_told_of_as_series() -> None:
    request = series({"__name__": "m"}, (1, 1.0), (2, 2.0)) + series({"__name__": "n"}, (1, 0.0))

    left = families.left_out(families.read(request, {"_id": "x"}).samples, "too old")

    assert b"".join(one.request for one in left) == request
    assert {(one.reason, one.cause) for one in left} == {("too old", "time")}


def test_what_is_no_request_is_refused() -> None:
    with pytest.raises(errors.Undecodable):
        families.read(b"\x0a\xff", {})


values = st.text(max_size=4)
points = st.lists(st.tuples(st.integers(1, 1 << 50), st.integers(0, (1 << 64) - 1)), max_size=4)
batches = st.dictionaries(
    st.frozensets(st.tuples(st.sampled_from(["__name__", "_id", "a", "b"]), values), max_size=3),
    points,
    max_size=6,
)


@given(batches, st.integers(1, 400))
def test_whatever_a_batch_holds_is_uploaded_once_or_left_out(
    batch: dict[frozenset[tuple[str, str]], list[tuple[int, int]]], limit: int
) -> None:
    request = remote_pb2.WriteRequest()
    for labels, held in batch.items():
        written = request.timeseries.add()
        for label, value in sorted(dict(labels).items()):
            written.labels.add(name=label, value=value)
        for stamp, bits in held:
            written.samples.add(
                timestamp=stamp, value=struct.unpack("<d", struct.pack("<Q", bits))[0]
            )

    reading = families.read(request.SerializeToString(), {"_id": "x"})
    uploaded: Counter[tuple[str, int]] = Counter()
    left = reading.samples
    while left:
        body, taken = families.pack(left, limit)
        left = left[len(taken) :]
        for family in decode(body):
            stamps = [metric.timestamp_ms for metric in family.metric]
            assert stamps == sorted(stamps)
            assert all(("_id", "x") in [(p.name, p.value) for p in m.label] for m in family.metric)
            uploaded.update((family.name, stamp) for stamp in stamps)

    refused = sum(remote_write.count(one.request).samples for one in reading.unfit)
    assert uploaded.total() + refused == sum(map(len, batch.values()))
    assert uploaded == Counter((sample.name, sample.stamp) for sample in reading.samples)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(errors.Undecodable):
        families.read(data, {"_id": "x"})


def test_our_bytes_are_those_of_the_protobuf_library() -> None:
    body = upload(series({"__name__": "m", "a": "1"}, (7, 2.5)))

    again = io.BytesIO()
    for family in decode(body):
        proto.serialize_length_prefixed(family, again)

    assert again.getvalue() == body
