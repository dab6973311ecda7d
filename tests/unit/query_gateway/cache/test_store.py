"""The store in memory."""

from query_gateway.cache.store import Memory


async def test_records_are_found_under_their_keys() -> None:
    store = Memory(10_000)
    await store.put({"a": b"1", "b": b"2"})
    await store.put({"a": b"3"})

    assert await store.get(["a", "c", "b"]) == [b"3", None, b"2"]


async def test_the_least_recently_used_records_go_first() -> None:
    store = Memory(3_000)
    await store.put({"a": bytes(1_000), "b": bytes(1_000)})
    await store.get(["a"])

    await store.put({"c": bytes(1_000)})

    assert [found is not None for found in await store.get(["a", "b", "c"])] == [True, False, True]
    assert store.size <= 3_000


async def test_a_record_that_is_larger_than_everything_is_not_kept() -> None:
    store = Memory(100)
    await store.put({"a": bytes(1_000)})

    assert await store.get(["a"]) == [None]
    assert store.size == 0
