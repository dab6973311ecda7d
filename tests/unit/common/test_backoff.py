"""Delays grow to their limit and carry jitter."""

import itertools

from tenantry_common import backoff


def test_delays_double_up_to_the_limit() -> None:
    delays = backoff.delays(1.0, 10.0, rng=lambda: 1.0)

    assert list(itertools.islice(delays, 6)) == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


def test_jitter_takes_away_at_most_half() -> None:
    delays = backoff.delays(1.0, 10.0, rng=lambda: 0.0)

    assert list(itertools.islice(delays, 3)) == [0.5, 1.0, 2.0]
