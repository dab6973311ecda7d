"""The store in memory."""

from query_gateway.cache.store import Memory


def test_records_are_found_under_their_keys() -> None:
    store = Memory(10_000)
    store.put({"a": b"1", "b": b"2"})
    store.put({"a": b"3"})

    assert store.get(["a", "c", "b"]) == [b"3", None, b"2"]


def test_the_least_recently_used_records_go_first() -> None:
    store = Memory(3_000)
    store.put({"a": bytes(1_000), "b": bytes(1_000)})
    store.get(["a"])

    store.put({"c": bytes(1_000)})

    assert [found is not None for found in store.get(["a", "b", "c"])] == [True, False, True]
    assert store.size <= 3_000


def test_a_record_that_would_push_out_most_others_is_not_kept() -> None:
    store = Memory(3_000)
    store.put({"a": bytes(1_000), "b": bytes(1_000)})

    store.put({"a": bytes(1_500), "c": bytes(5_000)})

    assert [found is not None for found in store.get(["a", "b", "c"])] == [False, True, False]
    assert store.size < 1_500
