"""Snappy blocks, the compression of remote read and remote write; the one place that knows how.

The declared size is checked before anything is allocated, because a block of a few bytes can
declare four gigabytes.
"""

import io

import cramjam
import snappy

from tenantry_common import errors, protowire


def compress(data: bytes) -> bytes:
    """Return `data` as one snappy block."""
    block: bytes = snappy.compress(data)
    return block


def decoded_size(block: bytes) -> int:
    """Return how many bytes `block` declares to hold. Raises `errors.Undecodable`."""
    try:
        size, _ = protowire.read_varint(block, 0, len(block))
    except errors.Undecodable as error:
        raise errors.Undecodable("not a snappy block: no size") from error
    return size


def decompress(block: bytes, *, limit: int) -> bytes:
    """Return what `block` holds; raises `errors.Undecodable`, also for more than `limit` bytes."""
    size = decoded_size(block)
    if size > limit:
        raise errors.Undecodable(f"snappy block of {size} bytes, at most {limit} are taken")
    # `snappy.decompress` copies what it has decompressed, which may be most of what a service holds.
    # This buffer becomes the answer: `getvalue` hands out the very bytes that were written into.
    buffer = io.BytesIO(bytes(size))
    try:
        with buffer.getbuffer() as view:
            written = cramjam.snappy.decompress_raw_into(block, view)
    except cramjam.DecompressionError as error:
        raise errors.Undecodable(f"not a snappy block: {error}") from error
    if written != size:
        raise errors.Undecodable(f"snappy block of {written} bytes declares {size}")
    return buffer.getvalue()
