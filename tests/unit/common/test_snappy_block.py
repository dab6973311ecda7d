"""Snappy blocks: what is declared is checked before it is believed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry_common import errors, snappy_block


@given(st.binary(max_size=2000))
def test_block_is_read_back(data: bytes) -> None:
    block = snappy_block.compress(data)

    assert snappy_block.decoded_size(block) == len(data)
    assert snappy_block.decompress(block, limit=len(data)) == data


def test_block_larger_than_the_limit_is_refused() -> None:
    block = snappy_block.compress(bytes(1000))

    with pytest.raises(errors.Undecodable, match="1000 bytes, at most 999"):
        snappy_block.decompress(block, limit=999)


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\xff" * 12, id="length does not end"),
        pytest.param(snappy_block.compress(b"abc" * 99)[:-1], id="cut off"),
        pytest.param(b"\x05hello", id="not compressed at all"),
    ],
)
def test_what_is_no_block_is_refused(block: bytes) -> None:
    with pytest.raises(errors.Undecodable):
        snappy_block.decompress(block, limit=1 << 20)
