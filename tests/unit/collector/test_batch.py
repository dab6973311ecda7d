"""Batches stay within their limits, and what belongs together stays together."""

import pytest

from collector.batch import Batch, Batcher, Limits, SeriesTooLarge
from tenantry_common import snappy_block


def test_batches_are_closed_before_they_grow_too_large() -> None:
    batcher = Batcher(Limits(series=3, size=10))

    batcher.add([b"aa", b"bb"], 4, 2, 5)
    batcher.add([b"cc"], 2, 1, 1)
    batcher.add([b"dd"], 2, 1, 1)
    batcher.add([b"e" * 9], 9, 1, 7)
    batcher.close()
    batcher.close()

    assert batcher.batches == [
        Batch(block=snappy_block.compress(b"aabbcc"), series=3, samples=6),
        Batch(block=snappy_block.compress(b"dd"), series=1, samples=1),
        Batch(block=snappy_block.compress(b"e" * 9), series=1, samples=7),
    ]


def test_what_fits_no_batch_is_refused() -> None:
    batcher = Batcher(Limits(series=3, size=10))

    assert (batcher.fits(10, 3), batcher.fits(11, 1), batcher.fits(1, 4)) == (True, False, False)
    with pytest.raises(SeriesTooLarge, match="1 series hold 11 bytes"):
        batcher.add([b"x" * 11], 11, 1, 1)
