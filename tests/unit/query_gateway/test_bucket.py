"""A bucket lets a burst through, and then so many per second."""

import pytest

from query_gateway.bucket import Buckets


def test_a_burst_and_then_a_rate() -> None:
    buckets = Buckets()

    waits = [buckets.take("a", rate=2, burst=3, now=now) for now in (0, 0, 0, 0, 0.25, 0.5, 0.5)]

    assert waits == [0, 0, 0, 0.5, 0.25, 0, 0.5]


def test_a_pause_fills_the_bucket_and_no_more() -> None:
    buckets = Buckets()
    for _ in range(2):
        buckets.take("a", rate=1, burst=2, now=0)

    waits = [buckets.take("a", rate=1, burst=2, now=1000) for _ in range(3)]

    assert waits == [0, 0, 1]


def test_each_key_has_its_own() -> None:
    buckets = Buckets()

    assert [buckets.take(key, rate=1, burst=1, now=0) for key in "aba"] == [0, 0, 1]


def test_a_changed_limit_counts_at_once() -> None:
    buckets = Buckets()
    buckets.take("a", rate=1, burst=1000, now=0)

    assert buckets.take("a", rate=1, burst=1, now=0) == 0
    assert buckets.take("a", rate=1, burst=1, now=0) == 1


@pytest.mark.parametrize("full", [True, False])
def test_there_are_only_so_many(monkeypatch: pytest.MonkeyPatch, full: bool) -> None:
    monkeypatch.setattr(Buckets, "_MAX_KEYS", 100)
    buckets = Buckets()

    for number in range(1000):
        buckets.take(str(number), rate=1, burst=1, now=number if full else 0)

    assert len(buckets) <= 100
