"""The bounded cache."""

from tenantry_promql.cache import BoundedCache


def test_the_least_recently_used_entry_goes_first() -> None:
    cache: BoundedCache[str, int] = BoundedCache(max_entries=2, max_size=1000)
    cache.put("a", 1, 1)
    cache.put("b", 2, 1)
    cache.get("a")

    cache.put("c", 3, 1)

    assert [cache.get(key) for key in "abc"] == [1, None, 3]


def test_sizes_are_bounded_together() -> None:
    cache: BoundedCache[int, str] = BoundedCache(max_entries=1000, max_size=160)

    for key in range(100):
        cache.put(key, "x", 10)

    assert (len(cache), cache.size) == (16, 160)


def test_a_value_that_would_push_out_the_rest_is_not_kept() -> None:
    cache: BoundedCache[str, str] = BoundedCache(max_entries=10, max_size=160)

    cache.put("large", "x", 11)

    assert cache.get("large") is None


def test_a_replaced_value_gives_back_its_room() -> None:
    cache: BoundedCache[str, str] = BoundedCache(max_entries=10, max_size=160)

    cache.put("a", "x", 10)
    cache.put("a", "y", 4)

    assert (cache.get("a"), cache.size, len(cache)) == ("y", 4, 1)


def test_clear_forgets_everything() -> None:
    cache: BoundedCache[str, str] = BoundedCache(max_entries=10, max_size=160)
    cache.put("a", "x", 10)

    cache.clear()

    assert (cache.get("a"), cache.size, len(cache)) == (None, 0, 0)
