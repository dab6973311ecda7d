"""Read the body of a push within its limits: what is too large is refused before its rest is read."""

import asyncio
import urllib.parse
from dataclasses import dataclass
from typing import Protocol

import aiohttp
from aiohttp import web

from receiver import refusal
from tenantry_common import errors, snappy_block
from tenantry_common.snappy_frames import Frames


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What a body may cost."""

    size: int
    """Bytes as they arrive."""
    decoded: int
    """Bytes once they are decompressed."""
    seconds: float
    """Until all of it has arrived."""


class Collected(Protocol):
    """Takes the pieces of a body and returns what it holds. Raises `TooLarge`, `Undecodable`."""

    def feed(self, piece: bytes) -> None: ...
    def finish(self) -> bytes: ...


class Plain:
    """A body that is not compressed."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._data = bytearray()

    def feed(self, piece: bytes) -> None:
        """Take the next piece. Raises `errors.TooLarge`."""
        self._data += piece
        if len(self._data) > self._limit:
            raise errors.TooLarge(f"more than {self._limit} bytes")

    def finish(self) -> bytes:
        """Return the body."""
        return bytes(self._data)


class Block(Plain):
    """A body that is one snappy block, which says in front how large it gets."""

    def __init__(self, limit: int, decoded: int) -> None:
        super().__init__(limit)
        self._decoded = decoded

    def feed(self, piece: bytes) -> None:
        """Take the next piece. Raises `errors.TooLarge` and `errors.Undecodable`."""
        first = not self._data
        super().feed(piece)
        if (first and len(self._data) >= 10) or len(self._data) - len(piece) < 10 <= len(
            self._data
        ):
            self._check()

    def finish(self) -> bytes:
        """Return what the block holds."""
        if not self._data:
            return b""
        self._check()
        return snappy_block.decompress(bytes(self._data), limit=self._decoded)

    def _check(self) -> None:
        if snappy_block.decoded_size(bytes(self._data[:10])) > self._decoded:
            raise errors.TooLarge(f"more than {self._decoded} bytes when decompressed")


async def read(request: web.Request, collected: Collected, bounds: Bounds) -> bytes:
    """Return the decompressed body. Raises `refusal.Refused`."""
    if (request.content_length or 0) > bounds.size:
        raise refusal.too_large(f"the body is larger than {bounds.size} bytes")
    size = 0
    try:
        async with asyncio.timeout(bounds.seconds):
            async for piece in request.content.iter_any():
                size += len(piece)
                if size > bounds.size:
                    raise refusal.too_large(f"the body is larger than {bounds.size} bytes")
                collected.feed(piece)
        return collected.finish()
    except (web.RequestPayloadError, ConnectionError, aiohttp.ClientPayloadError) as error:
        raise refusal.malformed("the body did not arrive as it was announced") from error
    except TimeoutError as error:
        raise refusal.Refused(408, f"the body took longer than {bounds.seconds:g} s") from error
    except errors.TooLarge as error:
        raise refusal.too_large(str(error)) from error
    except errors.Undecodable as error:
        raise refusal.malformed(f"cannot be decompressed: {error}") from error


def form(body: bytes) -> dict[str, list[str]]:
    """Return the fields of an HTML form. Raises `refusal.Refused`."""
    try:
        return urllib.parse.parse_qs(body.decode(), max_num_fields=100, errors="strict")
    except ValueError as error:  # a UnicodeDecodeError is one
        raise refusal.malformed("the form cannot be read") from error


def frames(bounds: Bounds) -> Collected:
    """Return what reads snappy's framing format."""
    return Frames(bounds.decoded)
