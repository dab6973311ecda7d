"""Batches as remote write 2.0 requests: converted once, whoever of their endpoints asks first."""

from collections import OrderedDict
from dataclasses import dataclass

from tenantry_common import remote_write_v2, snappy_block

_MAX_DECODED_BYTES = 64 << 20
_KEPT_BYTES = 32 << 20
_KEPT_SERIES = 500_000


@dataclass(frozen=True, kw_only=True)
class Converted:
    """A batch for endpoints that speak 2.0."""

    block: bytes
    """Snappy block of the request."""
    samples: int
    """Samples and native histograms in it."""


class Conversions:
    """What was converted last, up to `kept_bytes` of blocks, 1.0 and 2.0 together.

    How the labels of the last half a million series are written is remembered too.
    """

    def __init__(self, kept_bytes: int = _KEPT_BYTES) -> None:
        self._kept_bytes = kept_bytes
        self._size = 0
        self._converter = remote_write_v2.Converter(_KEPT_SERIES)
        self._kept: OrderedDict[bytes, Converted] = OrderedDict()

    def of(self, block: bytes) -> Converted:
        """Return the batch `block`, a 1.0 request, as 2.0. Raises `errors.Undecodable`."""
        found = self._kept.get(block)
        if found is not None:
            self._kept.move_to_end(block)
            return found
        request, samples, histograms = self._converter.from_v1(
            snappy_block.decompress(block, limit=_MAX_DECODED_BYTES)
        )
        found = Converted(block=snappy_block.compress(request), samples=samples + histograms)
        self._kept[block] = found
        self._size += len(block) + len(found.block)
        while self._size > self._kept_bytes:
            old, converted = self._kept.popitem(last=False)
            self._size -= len(old) + len(converted.block)
        return found
