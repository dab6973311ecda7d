"""Batches stay within their limits, and what belongs together stays together."""

import pytest

from collector.batch import Batch, Batcher, Limits, SeriesTooLarge
from collector.testing import sample
from tenantry_common import remote_write, snappy_block

MASK = (1 << 63) - 1


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


def test_what_hardly_shrinks_is_divided_into_batches_that_the_server_takes() -> None:
    sizes = [1, 40, 3]
    series = [
        remote_write.time_series(
            remote_write.encode_labels({"__name__": f"up{size}"}),
            b"".join(sample(1_700_000_000_000 + n, hash((size, n)) & MASK) for n in range(size)),
        )
        for size in sizes
    ]
    whole = len(snappy_block.compress(b"".join(series)))
    batcher = Batcher(Limits(series=10, size=10_000, block=whole - 1))

    batcher.add(series, sum(map(len, series)), 3, sum(sizes))
    batcher.close()

    assert [(one.series, one.samples) for one in batcher.batches] == [(1, 1), (2, 43)]
    assert b"".join(
        snappy_block.decompress(one.block, limit=10_000) for one in batcher.batches
    ) == b"".join(series)
    alone = Batcher(Limits(series=10, size=10_000, block=100))
    alone.add([series[1]], len(series[1]), 1, 40)
    with pytest.raises(SeriesTooLarge, match="1 series holds"):
        alone.close()
