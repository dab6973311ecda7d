"""Only what a gateway with the same key sealed for a name is opened under that name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query_gateway.cache.sealed import LEAST_KEY_BYTES, Seal

SEAL = Seal(b"a" * LEAST_KEY_BYTES)
OTHER = Seal(b"b" * LEAST_KEY_BYTES)


@given(st.text(), st.binary())
def test_what_was_closed_is_opened(name: str, record: bytes) -> None:
    assert SEAL.open(name, SEAL.close(name, record)) == record


def test_a_record_does_not_open_under_another_name() -> None:
    assert SEAL.open("bank", SEAL.close("shop", b"record")) is None


def test_a_record_does_not_open_with_another_key() -> None:
    assert OTHER.open("shop", SEAL.close("shop", b"record")) is None


@given(st.binary())
def test_what_was_not_closed_is_not_opened(value: bytes) -> None:
    assert SEAL.open("shop", value) is None


@given(st.data())
def test_a_record_that_was_changed_is_not_opened(data: st.DataObject) -> None:
    value = bytearray(SEAL.close("shop", b"record"))
    value[data.draw(st.integers(0, len(value) - 1))] ^= data.draw(st.integers(1, 255))

    assert SEAL.open("shop", bytes(value)) is None


def test_neither_names_nor_records_can_be_read_from_outside() -> None:
    value = SEAL.close("shop", b"record")

    assert b"record" not in value
    assert SEAL.name("shop") == Seal(b"a" * LEAST_KEY_BYTES).name("shop")
    assert SEAL.name("shop") != OTHER.name("shop")
    assert value != SEAL.close("shop", b"record")


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Seal(b"short")
