"""A stream of frames is read as snappy writes it, and refused before it gets too large."""

import contextlib

import pytest
import snappy
from hypothesis import given
from hypothesis import strategies as st

from tenantry_common import errors
from tenantry_common.snappy_frames import Frames

HEAD = b"\xff\x06\x00\x00sNaPpY"


def written(data: bytes) -> bytes:
    found: bytes = snappy.StreamCompressor().compress(data)
    return found


def read(stream: bytes, *, limit: int = 1 << 20, size: int = 7) -> bytes:
    frames = Frames(limit)
    for start in range(0, len(stream), size):
        frames.feed(stream[start : start + size])
    return frames.finish()


@given(st.binary(max_size=200_000), st.integers(1, 70_000))
def test_what_was_written_is_read_however_it_arrives(data: bytes, size: int) -> None:
    assert read(written(data), size=size) == data


@given(st.binary(max_size=100))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(errors.Undecodable, errors.TooLarge):  # and nothing else
        read(data)
    with contextlib.suppress(errors.Undecodable, errors.TooLarge):
        read(HEAD + data)


def test_frames_that_say_nothing_are_passed_over() -> None:
    stream = written(b"abc")

    assert read(HEAD + b"\xfe\x02\x00\x00pd" + stream[10:] + b"\x80\x00\x00\x00") == b"abc"
    assert read(stream + stream) == b"abcabc"
    assert read(b"") == b""


def test_a_bomb_is_refused_before_its_rest_arrives() -> None:
    stream = written(bytes(10 << 20))
    beginning = stream[: len(stream) // 10]

    with pytest.raises(errors.TooLarge):
        Frames(512_000).feed(beginning)


@pytest.mark.parametrize(
    ("stream", "error", "text"),
    [
        pytest.param(written(b"abc")[:-1], errors.Undecodable, "ends within", id="cut off"),
        pytest.param(written(b"abc")[10:], errors.Undecodable, "not a stream", id="no beginning"),
        pytest.param(HEAD + b"\x02\x00\x00\x00", errors.Undecodable, "unknown kind", id="kind"),
        pytest.param(
            HEAD + b"\x00\x09\x00\x00crc!\xff\xff\xff\xff\x0f",
            errors.Undecodable,
            "a frame of",
            id="a frame that declares 4 GiB",
        ),
        pytest.param(
            HEAD + b"\x00\x06\x00\x00crc!\xff\xff",
            errors.Undecodable,
            "without its size",
            id="size",
        ),
        pytest.param(
            HEAD + b"\x01\x07\x00\x00crc!abc", errors.Undecodable, "checksum", id="checksum"
        ),
        pytest.param(written(bytes(101)), errors.TooLarge, "more than 100", id="too large"),
    ],
)
def test_what_is_wrong_is_told(stream: bytes, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        read(stream, limit=100)
