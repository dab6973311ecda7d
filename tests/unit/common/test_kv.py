"""What must be written follows from what stands and what should stand."""

import pytest

from tenantry_common import kv
from tenantry_common.kv_watch import Change


def test_only_differences_are_written_and_the_rest_is_deleted() -> None:
    published = {"same": b"1", "changed": b"1", "gone": b"1"}
    desired = {"same": b"1", "changed": b"2", "new": b"3"}

    assert kv.changes(published, desired) == (
        {"changed": b"2", "new": b"3"},
        frozenset({"gone"}),
    )


def test_nothing_is_written_twice() -> None:
    assert kv.changes({"a": b"1"}, {"a": b"1"}) == ({}, frozenset())


A, B, GONE = Change("a", b"v", 1), Change("b", b"v", 0), Change("a", None, 0)


@pytest.mark.parametrize(
    ("sent", "expected", "stored", "found", "rest"),
    [
        pytest.param([], 0, 0, {}, 0, id="an empty bucket"),
        pytest.param([A, B, A], 2, 2, {"a": b"v", "b": b"v"}, 1, id="entries, then a change"),
        pytest.param([A, GONE], 2, 2, {}, 0, id="an entry and its deletion"),
        pytest.param([A, B, A], 0, 2, {"a": b"v", "b": b"v"}, 1, id="more than the server says"),
        pytest.param([GONE, A], 0, 1, {}, 1, id="a deletion of which the server says nothing"),
    ],
)
async def test_a_bucket_is_read_to_its_end_even_when_the_server_expects_none(
    sent: list[Change], expected: int, stored: int, found: dict[str, bytes], rest: int
) -> None:
    left = list(sent)

    async def following() -> Change:
        return left.pop(0)

    async def count() -> int:
        return stored

    assert await kv.initial(following, expected, count) == found
    assert len(left) == rest
