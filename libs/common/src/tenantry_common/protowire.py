"""Walk and write protocol buffer bytes without building objects; pure.

Only what remote read and remote write need: varints, tags, and fields by position. A field is
handed out as positions into the buffer, so that whoever only moves it never copies or parses it.
What is not well-formed raises `errors.Undecodable` with the position.
"""

from collections.abc import Iterator
from typing import NamedTuple

from tenantry_common import errors

VARINT = 0
FIXED64 = 1
DELIMITED = 2
FIXED32 = 5

type Buffer = bytes | bytearray | memoryview

_MAX_VARINT_BYTES = 10
_UINT64 = (1 << 64) - 1
_SINGLE_BYTES = tuple(bytes((value,)) for value in range(0x80))


class Field(NamedTuple):
    """One field of a message: `data[entry:end]` is all of it, `data[start:end]` its value."""

    number: int
    wire_type: int
    entry: int
    start: int
    end: int


def read_varint(data: Buffer, position: int, end: int) -> tuple[int, int]:
    """Return the unsigned varint at `position` and where it ends; it must end before `end`."""
    if position < end and data[position] < 0x80:  # nearly always
        return data[position], position + 1
    value = shift = 0
    for index in range(position, min(end, position + _MAX_VARINT_BYTES)):
        byte = data[index]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & _UINT64, index + 1
        shift += 7
    raise errors.Undecodable(f"position {position}: varint does not end")


def signed(value: int) -> int:
    """Return the int64 that was written as the unsigned varint `value`."""
    return value - (1 << 64) if value >> 63 else value


def varint(value: int) -> bytes:
    """Encode an int64 or uint64; a negative one takes ten bytes."""
    if 0 <= value < 0x80:
        return _SINGLE_BYTES[value]
    value &= _UINT64
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def tag(number: int, wire_type: int) -> bytes:
    """Encode what stands before the value of field `number`."""
    return varint(number << 3 | wire_type)


def delimited(number: int, value: bytes) -> bytes:
    """Encode field `number` holding bytes, text or a message."""
    return tag(number, DELIMITED) + varint(len(value)) + value


def fields(data: Buffer, start: int, end: int) -> Iterator[Field]:
    """Yield the fields of the message at `data[start:end]`, in the order in which they stand."""
    position = start
    while position < end:
        entry = position
        key, position = read_varint(data, position, end)
        wire_type = key & 7
        match wire_type:
            case 2:
                length, position = read_varint(data, position, end)
                stop = position + length
            case 0:
                _, stop = read_varint(data, position, end)
            case 1:
                stop = position + 8
            case 5:
                stop = position + 4
            case _:
                raise errors.Undecodable(f"position {entry}: wire type {wire_type}")
        if stop > end or key < 8:
            raise errors.Undecodable(f"position {entry}: field does not fit its message")
        yield Field(key >> 3, wire_type, entry, position, stop)
        position = stop
