"""The cache knows each series once, in the order of the source, within its bounds."""

from collector.labelcache import Entry, LabelCache, merged
from collector.transform import Drop, Outcome


class Upper:
    """A transform that counts how often it is asked."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []

    def __call__(self, label_bytes: bytes) -> Outcome:
        self.asked.append(label_bytes)
        return Drop.RELABELLED if label_bytes.startswith(b"x") else label_bytes.upper()


def window(cache: LabelCache, *sources: bytes) -> list[Entry]:
    """Let the cache see one window with these series."""
    seen = cache.begin()
    for source in sources:
        entry = cache.find(source)
        entry.window = cache.window
        seen.append(entry)
    cache.end()
    return seen


def order(cache: LabelCache) -> list[bytes]:
    assert [entry.place for entry in cache.expected[:-1]] == list(range(len(cache.expected) - 1))
    return [entry.source for entry in cache.expected[:-1]]


def test_a_series_is_transformed_once() -> None:
    transform = Upper()
    cache = LabelCache(transform, limit=10)

    [first] = window(cache, b"a")
    [again] = window(cache, b"a")

    assert first is again
    assert (first.output, first.drop, transform.asked) == (b"A", None, [b"a"])


def test_labels_that_do_not_change_are_kept_once() -> None:
    [entry] = window(LabelCache(bytes, limit=10), b"same")

    assert entry.output is entry.source


def test_dropped_series_are_remembered_too() -> None:
    [entry] = window(LabelCache(Upper(), limit=10), b"x")

    assert (entry.output, entry.drop) == (b"", Drop.RELABELLED)


def test_new_series_take_their_place_in_the_order_and_missing_ones_keep_theirs() -> None:
    cache = LabelCache(Upper(), limit=10)
    window(cache, b"b", b"d", b"f")

    window(cache, b"a", b"b", b"c", b"f", b"g")

    assert order(cache) == [b"a", b"b", b"c", b"d", b"f", b"g"]


def test_a_series_that_comes_twice_is_expected_once() -> None:
    cache = LabelCache(Upper(), limit=10)

    window(cache, b"a", b"b", b"a")

    assert order(cache) == [b"a", b"b"]


def test_window_that_was_given_up_leaves_no_trace_in_the_order() -> None:
    cache = LabelCache(Upper(), limit=10)
    window(cache, b"a", b"c")
    cache.begin().append(cache.find(b"b"))

    window(cache, b"a", b"c")
    assert order(cache) == [b"a", b"c"]
    window(cache, b"a", b"b", b"c")
    assert order(cache) == [b"a", b"b", b"c"]


def test_series_that_become_equal_share_a_claim() -> None:
    cache = LabelCache(Upper(), limit=10)

    a, big_a, b = window(cache, b"a", b"A", b"b")

    assert a.claim is not None
    assert big_a.claim is a.claim
    assert b.claim is None


def test_claim_knows_that_its_first_series_was_taken_in_this_window() -> None:
    cache = LabelCache(Upper(), limit=10)
    cache.begin()
    first = cache.find(b"a")
    first.window, first.sent = cache.window, 1

    claim = cache.find(b"A").claim

    assert claim is not None
    assert claim.window == cache.window


def test_series_not_seen_for_some_windows_are_forgotten() -> None:
    cache = LabelCache(Upper(), limit=10, idle_windows=3)
    window(cache, b"a", b"b", b"B")

    for _ in range(5):
        window(cache, b"b")

    assert order(cache) == [b"b"]
    assert len(cache) == 1
    # The claim of a series that is gone does not outlive it.
    [entry] = window(cache, b"b")
    assert cache.find(b"b") is entry


def test_no_more_series_than_the_limit_are_remembered() -> None:
    transform = Upper()
    cache = LabelCache(transform, limit=2)

    window(cache, b"a", b"b", b"c")
    window(cache, b"a", b"b", b"c")

    assert order(cache) == [b"a", b"b"]
    assert transform.asked == [b"a", b"b", b"c", b"c"]


def test_merging_follows_the_order_in_which_series_were_seen() -> None:
    cache = LabelCache(bytes, limit=10)
    window(cache, b"1", b"2", b"3")
    new = Entry(b"new", b"new")

    result = merged(cache.expected, [cache.find(b"2"), new, new, cache.find(b"1")])

    assert [entry.source for entry in result] == [b"1", b"2", b"new", b"3"]
