"""Exactly the samples of the window pass, with all their bits."""

import struct

import pytest

from collector.samples import Gate
from collector.schedule import Window
from collector.testing import sample
from tenantry_common import errors, protowire

AT = 1_700_000_000_000
WINDOW = Window(AT, AT + 30_000)
EXEMPLAR = protowire.delimited(3, b"\x18\x01")


def histogram(timestamp: int) -> bytes:
    return protowire.delimited(
        4, b"\x19" + struct.pack("<d", 1.0) + b"\x78" + protowire.varint(timestamp)
    )


@pytest.mark.parametrize(
    ("samples", "kept"),
    [
        pytest.param([], [], id="none"),
        pytest.param([sample(AT, 1)], [], id="the start is not part of it"),
        pytest.param([sample(AT + 1, 1)], [0], id="but the next millisecond is"),
        pytest.param([sample(AT + 30_000, 1)], [0], id="the end is"),
        pytest.param([sample(AT + 30_001, 1)], [], id="and nothing after it"),
        pytest.param([sample(AT - 1, 1), sample(AT + 9, 0), sample(AT + 99_999, 1)], [1], id="cut"),
        pytest.param([sample(AT + 5, 0x7FF0000000000002), sample(AT + 6, 0)], [0, 1], id="all"),
        pytest.param([histogram(AT), histogram(AT + 1)], [1], id="histograms"),
        pytest.param([sample(AT + 1, 1), EXEMPLAR, histogram(AT + 2)], [0, 2], id="no exemplars"),
        pytest.param([sample(5, 1), sample(-5, 1)], [], id="timestamps of another age"),
    ],
)
def test_admit(samples: list[bytes], kept: list[int]) -> None:
    data = b"before" + b"".join(samples) + b"behind"

    admitted = Gate(*WINDOW).admit(data, 6, len(data) - 6)

    assert [data[one.begin : one.end] for one in admitted] == [samples[n] for n in kept]
    assert all(AT < one.time <= AT + 30_000 for one in admitted)


def test_stamps_are_remembered_only_from_inside_the_window_and_only_of_samples() -> None:
    gate = Gate(*WINDOW)
    data = b"".join((sample(AT, 1), sample(AT + 1, 0), sample(AT + 2, 7), histogram(AT + 3)))

    gate.admit(data, 0, len(data))

    assert gate.known == {b"\x10" + protowire.varint(AT + n): AT + n for n in (1, 2)}


@pytest.mark.parametrize(
    ("stamps", "times"),
    [
        pytest.param([AT + 1, AT + 30_000], [AT + 1, AT + 30_000], id="inside"),
        pytest.param([AT + 1, AT], None, id="one lies before"),
        pytest.param([AT + 30_001], None, id="one lies behind"),
    ],
)
def test_times_of_stamps_are_told_only_when_all_lie_inside(
    stamps: list[int], times: list[int] | None
) -> None:
    gate = Gate(*WINDOW)
    encoded = [b"\x10" + protowire.varint(stamp) for stamp in stamps]

    assert gate.times(encoded) == times
    assert gate.times(encoded) == times


def test_bytes_that_are_no_stamp_tell_no_time() -> None:
    gate = Gate(*WINDOW)

    assert gate.times([b"\x11" + protowire.varint(AT + 1)]) is None
    assert gate.times([b"\x10" + b"\xff" * 6]) is None


def test_broken_samples_are_refused() -> None:
    with pytest.raises(errors.Undecodable):
        Gate(*WINDOW).admit(b"\x12\x10\x09", 0, 3)
