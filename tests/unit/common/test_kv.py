"""What must be written follows from what stands and what should stand."""

from typing import Any

import pytest
from nats.js.kv import KeyValue

from tenantry_common import kv


def test_only_differences_are_written_and_the_rest_is_deleted() -> None:
    published = {"same": b"1", "changed": b"1", "gone": b"1"}
    desired = {"same": b"1", "changed": b"2", "new": b"3"}

    assert kv.changes(published, desired) == (
        {"changed": b"2", "new": b"3"},
        frozenset({"gone"}),
    )


def test_nothing_is_written_twice() -> None:
    assert kv.changes({"a": b"1"}, {"a": b"1"}) == ({}, frozenset())


def entry(key: str, left: int, value: bytes | None = b"v", operation: str | None = None) -> Any:
    return KeyValue.Entry(
        bucket="b", key=key, value=value, revision=1, delta=left, created=None, operation=operation
    )


END = None
A, B, GONE = entry("a", 1), entry("b", 0), entry("a", 0, None, "DEL")


@pytest.mark.parametrize(
    ("sent", "stored", "expected", "rest"),
    [
        pytest.param([END], 0, {}, 0, id="an empty bucket"),
        pytest.param([A, B, END, A], 2, {"a": b"v", "b": b"v"}, 1, id="entries, then the end"),
        pytest.param([A, GONE, END], 2, {}, 0, id="an entry and its deletion"),
        pytest.param(
            [END, A, B, A], 2, {"a": b"v", "b": b"v"}, 1, id="an end that comes too early"
        ),
        pytest.param([END, GONE, A], 1, {}, 1, id="an early end before a deletion"),
    ],
)
async def test_a_bucket_is_read_to_its_end_even_when_that_is_said_too_early(
    sent: list[Any], stored: int, expected: dict[str, bytes], rest: int
) -> None:
    left = list(sent)

    async def following() -> Any:
        return left.pop(0)

    async def count() -> int:
        return stored

    assert await kv.initial(following, count) == expected
    assert len(left) == rest
