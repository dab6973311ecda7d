"""Varints and field walking: every well-formed byte is placed, every other one is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry_common import errors, protowire
from tenantry_common.protowire import Field


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        pytest.param(0, b"\x00", id="zero"),
        pytest.param(127, b"\x7f", id="largest single byte"),
        pytest.param(128, b"\x80\x01", id="smallest two bytes"),
        pytest.param(1_700_000_000_000, b"\x80\xd0\x95\xff\xbc1", id="timestamp"),
        pytest.param(-1, b"\xff" * 9 + b"\x01", id="negative"),
    ],
)
def test_varint_encodes_as_protocol_buffers_do(value: int, encoded: bytes) -> None:
    assert protowire.varint(value) == encoded


@given(st.integers(min_value=-(1 << 63), max_value=(1 << 63) - 1), st.binary(max_size=3))
def test_varint_is_read_back_and_leaves_what_follows(value: int, rest: bytes) -> None:
    encoded = protowire.varint(value)

    read, position = protowire.read_varint(encoded + rest, 0, len(encoded) + len(rest))

    assert (protowire.signed(read), position) == (value, len(encoded))


def test_fields_are_placed_with_their_values() -> None:
    data = b"\x08\x96\x01" + b"\x12\x02ab" + b"\x19" + bytes(8) + b"\x25" + bytes(4)

    assert list(protowire.fields(data, 0, len(data))) == [
        Field(1, protowire.VARINT, 0, 1, 3),
        Field(2, protowire.DELIMITED, 3, 5, 7),
        Field(3, protowire.FIXED64, 7, 8, 16),
        Field(4, protowire.FIXED32, 16, 17, 21),
    ]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(b"\x80", "position 0: varint does not end", id="tag is cut off"),
        pytest.param(b"\xff" * 11, "position 0: varint does not end", id="varint is too long"),
        pytest.param(b"\x0a\x05ab", "position 0: field does not fit its message", id="too long"),
        pytest.param(b"\x09\x00", "position 0: field does not fit its message", id="half a double"),
        pytest.param(b"\x0b", "position 0: wire type 3", id="group"),
        pytest.param(b"\x00\x00", "position 0: field does not fit its message", id="field zero"),
        pytest.param(b"\x0a\x01a\x0f", "position 3: wire type 7", id="second field is broken"),
    ],
)
def test_broken_message_is_refused_with_its_position(data: bytes, message: str) -> None:
    with pytest.raises(errors.Undecodable) as caught:
        list(protowire.fields(data, 0, len(data)))

    assert str(caught.value) == message


@given(st.binary(max_size=64))
def test_any_bytes_are_walked_whole_or_refused(data: bytes) -> None:
    try:
        found = list(protowire.fields(data, 0, len(data)))
    except errors.Undecodable:
        return
    ends = [field.end for field in found]
    assert [field.entry for field in found] == [0, *ends[:-1]][: len(found)]
    assert not data or ends[-1] == len(data)


def test_delimited_field_is_read_back() -> None:
    data = protowire.delimited(3, b"x" * 200)

    assert list(protowire.fields(data, 0, len(data))) == [Field(3, protowire.DELIMITED, 0, 3, 203)]
