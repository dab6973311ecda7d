"""Batches are converted once, and not kept for ever."""

import pytest

from tenantry_common import errors, remote_write_v2, snappy_block
from writer.conversions import Conversions
from writer.testing import series


def batch(number: int) -> bytes:
    return snappy_block.compress(series({"__name__": "m", "n": str(number)}, (1, 1), (2, 2)))


def test_a_batch_is_converted_once() -> None:
    conversions = Conversions()

    first = conversions.of(batch(1))

    assert first.samples == 2
    assert remote_write_v2.to_v1(snappy_block.decompress(first.block, limit=1000)) == series(
        {"__name__": "m", "n": "1"}, (1, 1), (2, 2)
    )
    assert conversions.of(batch(1)) is first


def test_what_was_not_asked_for_longest_is_forgotten() -> None:
    conversions = Conversions(kept_bytes=2 * 2 * len(batch(0)) + 20)
    first, second = conversions.of(batch(1)), conversions.of(batch(2))
    assert conversions.of(batch(1)) is first

    conversions.of(batch(3))

    assert conversions.of(batch(1)) is first
    assert conversions.of(batch(2)) is not second


def test_what_is_no_batch_is_refused() -> None:
    with pytest.raises(errors.Undecodable):
        Conversions().of(b"?")
