"""Snappy's framing format, as openshift/telemeter's clients send it; read while it arrives; pure.

Each frame says how much it holds, so a stream that would hold too much is refused before anything of
it is decompressed, and before its rest has arrived.
(https://github.com/google/snappy/blob/main/framing_format.txt)
"""

import snappy

from tenantry_common import errors, protowire

_COMPRESSED, _PLAIN, _IDENTIFIER = 0x00, 0x01, 0xFF
_FIRST_SKIPPABLE = 0x80
_HEAD = 4
_CHECKSUM = 4
_LONGEST_SIZE = 5
_LARGEST_FRAME = 1 << 16
_BEGINNING = b"\xff\x06\x00\x00sNaPpY"


class Frames:
    """A stream of frames that arrives in pieces."""

    def __init__(self, limit: int) -> None:
        """Take at most `limit` bytes, decompressed."""
        self._limit = limit
        self._data = bytearray()
        self._next = 0
        self._size = 0

    def feed(self, piece: bytes) -> None:
        """Take the next piece. Raises `errors.TooLarge` and `errors.Undecodable`."""
        self._data += piece
        while self._next + _HEAD <= len(self._data):
            length = int.from_bytes(self._data[self._next + 1 : self._next + _HEAD], "little")
            size = self._declared(self._data[self._next], length)
            if size is None:
                return  # not all of what says it has arrived
            if size > _LARGEST_FRAME:
                raise errors.Undecodable(f"position {self._next}: a frame of {size} bytes")
            self._size += size
            if self._size > self._limit:
                raise errors.TooLarge(f"more than {self._limit} bytes when decompressed")
            self._next += _HEAD + length

    def finish(self) -> bytes:
        """Return what the whole stream holds; an empty one holds nothing.

        Raises `errors.Undecodable`.
        """
        if not self._data:
            return b""
        if self._next != len(self._data):
            raise errors.Undecodable(f"position {len(self._data)}: the stream ends within a frame")
        if not self._data.startswith(_BEGINNING):
            raise errors.Undecodable("position 0: not a stream of snappy frames")
        try:
            data: bytes = snappy.StreamDecompressor().decompress(bytes(self._data))
        except Exception as error:  # cramjam's own, a subclass of nothing
            raise errors.Undecodable(f"snappy frames: {error}") from error
        return data

    def _declared(self, kind: int, length: int) -> int | None:
        """Return how much the frame at hand holds, None if that cannot be said yet."""
        if kind == _PLAIN:
            return max(0, length - _CHECKSUM)
        if kind == _COMPRESSED:
            return self._declared_compressed(length)
        if kind == _IDENTIFIER or kind >= _FIRST_SKIPPABLE:
            return 0
        raise errors.Undecodable(f"position {self._next}: frame of unknown kind {kind:#04x}")

    def _declared_compressed(self, length: int) -> int | None:
        start = self._next + _HEAD + _CHECKSUM
        end = self._next + _HEAD + length
        head = bytes(self._data[start : min(end, start + _LONGEST_SIZE)])
        if len(head) < min(_LONGEST_SIZE, end - start):
            return None
        try:
            return protowire.read_varint(head, 0, len(head))[0]
        except errors.Undecodable as error:
            raise errors.Undecodable(f"position {start}: frame without its size") from error
