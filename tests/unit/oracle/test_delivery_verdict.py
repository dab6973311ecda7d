"""What the delivery oracle calls lost, extra and different."""

import math
from collections.abc import Mapping

import pytest
from tests.oracle.delivery import held, verdict
from tests.oracle.delivery.held import Series
from tests.oracle.delivery.verdict import Verdict

INTERVAL = 5_000
ONE, TWO = held.bits(1.0), held.bits(2.0)


def series(samples: Mapping[int, int], name: str = "up") -> Series:
    """One series with these samples, bits by time."""
    return {frozenset({("__name__", name)}): list(samples.items())}


A = series({1_000: ONE, 2_000: ONE, 6_000: TWO})
B = series({1_500: ONE, 2_500: ONE, 6_500: TWO})


def told(found: Verdict) -> tuple[int, int, int]:
    return found.lost, found.extra, found.different


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(A, (0, 0, 0), id="all from one replica"),
        pytest.param(
            series({1_000: ONE, 2_000: ONE, 6_500: TWO}), (0, 0, 0), id="an interval from each"
        ),
        pytest.param(series({1_000: ONE, 6_000: TWO}), (1, 0, 0), id="a sample is missing"),
        pytest.param(series({1_000: ONE, 2_000: ONE}), (1, 0, 0), id="an interval is missing"),
        pytest.param(
            series({1_000: ONE, 1_500: ONE, 2_000: ONE, 6_000: TWO}),
            (0, 1, 0),
            id="an interval is mixed of both",
        ),
        pytest.param(
            series({1_000: ONE, 2_000: TWO, 6_000: TWO}), (0, 0, 1), id="a value is another one"
        ),
        pytest.param({}, (3, 0, 0), id="the series is missing"),
        pytest.param({**A, **series({1_000: ONE}, "down")}, (0, 1, 0), id="a series too many"),
    ],
)
def test_each_interval_of_a_series_must_be_that_of_one_replica(
    found: Series, expected: tuple[int, int, int]
) -> None:
    assert told(verdict.judge([A, B], found, INTERVAL)) == expected


def test_a_sample_that_is_stored_twice_is_extra() -> None:
    doubled = {labels: [*samples, samples[0]] for labels, samples in A.items()}

    assert told(verdict.judge([A, B], doubled, INTERVAL)) == (0, 1, 0)


def test_a_stale_marker_is_not_just_any_nan() -> None:
    found = series({1_000: held.NAN})

    assert told(verdict.judge([series({1_000: held.STALE})], found, INTERVAL)) == (0, 0, 1)


def test_an_interval_ends_with_its_end() -> None:
    assert verdict.grouped([(5_000, ONE), (5_001, TWO)], INTERVAL) == {
        5_000: ((5_000, ONE),),
        10_000: ((5_001, TWO),),
    }


def test_nothing_compared_is_not_exact() -> None:
    assert not verdict.judge([{}, {}], {}, INTERVAL).exact


def test_samples_that_only_the_other_replica_has_are_told() -> None:
    thin = series({1_000: ONE})
    found = verdict.judge([thin, series({1_500: ONE, 2_500: ONE, 3_500: ONE})], thin, INTERVAL)

    assert (found.exact, found.thinner) == (True, 2)


def test_an_interval_of_two_replicas_is_told() -> None:
    other_a, other_b = series({1_100: ONE}, "other"), series({1_600: ONE}, "other")
    found = verdict.judge([{**A, **other_a}, {**B, **other_b}], {**A, **other_b}, INTERVAL)

    assert (found.exact, found.mixed) == (True, 1)


def test_only_stale_markers_are_left_of_nans() -> None:
    samples = series({1: held.NAN, 2: held.STALE, 3: held.bits(math.inf), 4: ONE})

    assert verdict.without_nan(samples) == series({2: held.STALE, 3: held.bits(math.inf), 4: ONE})
    assert verdict.without_nan(series({1: held.NAN})) == {}


@pytest.mark.parametrize(
    ("kept", "is_near"),
    [
        pytest.param(0.333333333333, True, id="twelve digits"),
        pytest.param(0.3333333333, False, id="ten digits"),
        pytest.param(math.inf, False, id="infinity"),
    ],
)
def test_a_value_may_lack_digits_beyond_the_twelfth(kept: float, is_near: bool) -> None:
    want, found = series({1_000: held.bits(1 / 3)}), series({1_000: held.bits(kept)})

    near = verdict.rounded_to([want], found, 1e-11)

    assert (near == want) is is_near


def test_a_value_at_another_time_is_not_near() -> None:
    found = series({1_001: held.bits(0.333333333333)})

    assert verdict.rounded_to([series({1_000: held.bits(1 / 3)})], found, 1e-11) == found
