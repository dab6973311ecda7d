"""What must be written follows from what stands and what should stand."""

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
