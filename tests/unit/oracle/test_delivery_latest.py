"""What the delivery oracle lets a Pushgateway hold."""

import pytest
from tests.oracle.delivery import held, latest
from tests.oracle.delivery.held import Sample, Series

INTERVAL = 5_000
NOW = 400_000
UP = frozenset({("__name__", "up")})
OTHER = frozenset({("__name__", "other")})
ONE, TWO, THREE = (held.bits(value) for value in (1.0, 2.0, 3.0))


def replica(*samples: Sample) -> Series:
    """A replica with these samples, and another series that has a sample until the end."""
    return {UP: list(samples), OTHER: [(NOW, ONE)]}


@pytest.mark.parametrize(
    ("replicas", "expected"),
    [
        pytest.param(
            [replica((NOW - 1_000, ONE), (NOW, TWO)), replica((NOW - 500, THREE))],
            {TWO, THREE},
            id="the last value of either replica",
        ),
        pytest.param(
            [replica((NOW, TWO), (NOW + 1, ONE)), replica((NOW, TWO))],
            {TWO},
            id="nothing of after the window",
        ),
        pytest.param(
            [replica((NOW - 9_000, ONE), (NOW, held.STALE)), replica((NOW, held.STALE))],
            {None},
            id="nothing after a stale marker",
        ),
        pytest.param(
            [replica((NOW - 6_000, ONE), (NOW, held.STALE)), replica((NOW - 6_000, held.STALE))],
            {None, ONE},
            id="what came before where only one replica has something",
        ),
        pytest.param(
            [replica((NOW - 320_000, ONE)), replica((NOW - 320_000, ONE))],
            {None, ONE},
            id="nothing when it is too old",
        ),
    ],
)
def test_what_a_series_may_be(replicas: list[Series], expected: set[int | None]) -> None:
    assert latest.History(replicas, INTERVAL).choices(NOW)[UP] == expected


CHOICE = {UP: frozenset({ONE, TWO}), OTHER: frozenset[int | None]({None})}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param({UP: TWO}, (0, 0, 0), id="right"),
        pytest.param({}, (1, 0, 0), id="a series is missing"),
        pytest.param({UP: ONE, OTHER: ONE}, (0, 1, 0), id="a series should be gone"),
        pytest.param({UP: ONE, frozenset({("a", "b")}): ONE}, (0, 1, 0), id="an unknown series"),
        pytest.param({UP: THREE}, (0, 0, 1), id="an old value"),
    ],
)
def test_a_state_is_judged(found: dict[held.Labels, int], expected: tuple[int, int, int]) -> None:
    judged = latest.judge(CHOICE, found)

    assert (judged.lost, judged.extra, judged.different) == expected
