"""Requests as bytes. `proto/test_remote_pb2.py` compares the same walks with protobuf's objects."""

import struct

import pytest

from tenantry_common import errors, protowire, remote_write
from tenantry_common.remote_write import Counts, Span

STALE = 0x7FF0000000000002


def sample(bits: int, timestamp: int) -> bytes:
    value = b"\x09" + struct.pack("<Q", bits) if bits else b""
    return protowire.delimited(2, value + b"\x10" + protowire.varint(timestamp))


def histogram(timestamp: int) -> bytes:
    return protowire.delimited(4, b"\x08\x03" + b"\x78" + protowire.varint(timestamp))


def one(labels: dict[str, str], *samples: bytes) -> bytes:
    return remote_write.time_series(remote_write.encode_labels(labels), b"".join(samples))


UP = one({"__name__": "up", "job": "a"}, sample(1, 1000), sample(STALE, 2000))
ZERO = one({"__name__": "zero"}, sample(0, 1000))
HISTOGRAM = one({"__name__": "h"}, histogram(1500), histogram(2500))
METADATA = protowire.delimited(3, b"\x12\x02up")


def test_labels_are_sorted_and_empty_values_left_out() -> None:
    encoded = remote_write.encode_labels({"z": "1", "a": "", "__name__": "up", "B": "é"})

    assert encoded == (
        b"\x0a\x07\x0a\x01B\x12\x02\xc3\xa9"
        b"\x0a\x0e\x0a\x08__name__\x12\x02up"
        b"\x0a\x06\x0a\x01z\x12\x011"
    )


def test_labels_are_read_back_without_empty_values() -> None:
    encoded = b"\x0a\x05\x0a\x01a\x12\x00" + remote_write.encode_labels({"b": "x"})

    assert remote_write.decode_labels(encoded) == {"b": "x"}


@pytest.mark.parametrize(
    ("encoded", "message"),
    [
        pytest.param(b"\x0a\x03\x0a\x01a" * 2, "label 'a' stands there twice", id="duplicate"),
        pytest.param(sample(1, 1), "position 0: something else among labels", id="sample"),
        pytest.param(b"\x0a\x03\x0a\x01\xff", "position 0: label is not UTF-8", id="not UTF-8"),
        pytest.param(b"\x0a\x09\x0a", "position 0: label does not fit its series", id="cut off"),
    ],
)
def test_broken_labels_are_refused(encoded: bytes, message: str) -> None:
    with pytest.raises(errors.Undecodable) as caught:
        remote_write.decode_labels(encoded)

    assert str(caught.value) == message


def test_series_are_found_and_metadata_is_passed_over() -> None:
    request = UP + METADATA + ZERO

    spans = list(remote_write.series(request))

    assert spans == [
        Span(0, 2, len(UP)),
        Span(len(UP) + len(METADATA), len(UP) + len(METADATA) + 2, len(request)),
    ]
    assert [remote_write.series_labels(request, span) for span in spans] == [
        {"__name__": "up", "job": "a"},
        {"__name__": "zero"},
    ]


def test_samples_begin_where_labels_end() -> None:
    [span] = remote_write.series(UP)

    begin = remote_write.labels_end(UP, span.start, span.end)

    assert UP[begin:] == sample(1, 1000) + sample(STALE, 2000)


def test_series_without_labels_or_without_samples_has_an_end_of_labels() -> None:
    assert remote_write.labels_end(sample(1, 1), 0, 13) == 0
    assert remote_write.labels_end(b"\x0a\x03\x0a\x01a", 0, 5) == 5


def test_label_that_does_not_fit_its_series_is_refused() -> None:
    with pytest.raises(errors.Undecodable):
        remote_write.labels_end(b"\x0a\x09\x0a\x01a", 0, 5)


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        pytest.param(b"", None, id="none"),
        pytest.param(sample(1, 7), (7, 7), id="one"),
        pytest.param(sample(1, -5) + sample(0, 9), (-5, 9), id="negative and zero value"),
        pytest.param(protowire.delimited(2, b"\x09" + bytes(8)), (0, 0), id="zero is left out"),
        pytest.param(sample(1, 3) + histogram(2), (2, 3), id="histogram beside a float"),
    ],
)
def test_first_and_last_timestamps(samples: bytes, expected: tuple[int, int] | None) -> None:
    assert remote_write.first_and_last(samples, 0, len(samples)) == expected


def test_cut_keeps_the_samples_of_a_half_open_window_bit_for_bit() -> None:
    stored = [sample(STALE, 1000), sample(0, 1001), sample(0x7FF8DEADBEEF0001, 2000)]
    exemplar = protowire.delimited(3, b"\x18\x01")
    data = b"".join([*stored, sample(1, 2001), exemplar, histogram(1500), histogram(999)])

    kept = remote_write.cut(data, 0, len(data), after=1000, until=2000)

    assert kept == stored[1] + stored[2] + histogram(1500)


def test_histograms_count_as_samples() -> None:
    assert remote_write.count(UP + METADATA + ZERO + HISTOGRAM) == Counts(3, 5)


@pytest.mark.parametrize(
    ("request_bytes", "expected"),
    [
        pytest.param(UP + ZERO, (UP, ZERO), id="two"),
        pytest.param(UP + ZERO + HISTOGRAM, (UP, ZERO + HISTOGRAM), id="odd"),
        pytest.param(METADATA + UP + ZERO, (UP, ZERO), id="metadata is not delivered"),
    ],
)
def test_halves_together_hold_every_series(
    request_bytes: bytes, expected: tuple[bytes, bytes]
) -> None:
    assert remote_write.halves(request_bytes) == expected


def test_a_single_series_cannot_be_split() -> None:
    with pytest.raises(ValueError, match="cannot be split"):
        remote_write.halves(UP)


def test_singles_joined_are_the_request() -> None:
    request = UP + ZERO + HISTOGRAM

    assert remote_write.singles(request) == [UP, ZERO, HISTOGRAM]
    assert remote_write.join(remote_write.singles(request)) == request


def test_the_first_sample_of_a_series_is_cut_off() -> None:
    labels = remote_write.encode_labels({"__name__": "m"})
    first, second = (protowire.delimited(remote_write.SAMPLE, bytes([0x10, n])) for n in (1, 2))

    assert remote_write.first_sample(remote_write.time_series(labels, first + second)) == (
        remote_write.time_series(labels, first),
        remote_write.time_series(labels, second),
    )
    parts = remote_write.first_sample(remote_write.time_series(labels, first + second))
    assert remote_write.join_samples(parts) == remote_write.time_series(labels, first + second)
    alone = remote_write.time_series(labels, first)
    assert remote_write.join_samples([alone]) == alone
    assert remote_write.first_sample(alone) == (alone, b"")
