"""A hole shows as a drop below all of the last windows; a real drop is asked about once."""

from itertools import pairwise

import pytest

from collector.density import Density, is_fuller
from collector.schedule import Window

INTERVAL = 30_000


def window(number: int) -> Window:
    return Window(number * INTERVAL, number * INTERVAL + INTERVAL)


def asked(*samples: int) -> list[bool]:
    """Return, for each of these windows, whether another replica would have been asked."""
    density = Density()
    found = []
    for number, count in enumerate(samples):
        found.append(density.is_thin(window(number), count, INTERVAL))
        density.note(window(number), count)
    return found


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        pytest.param([300, 300, 296], [True, False, False], id="only the first one is not known"),
        pytest.param([300, 300, 200, 300], [True, False, True, False], id="a hole"),
        pytest.param(
            [300, 100, 100, 100], [True, True, False, False], id="a drop that lasts, once"
        ),
        pytest.param(
            [200, 100, 200, 100, 200], [True, True, False, False, False], id="scrapes out of step"
        ),
        pytest.param([0, 0, 10, 10], [True, False, False, False], id="nothing, then something"),
        pytest.param(
            [10, 300, 300, 300, 300, 300, 100],
            [True, False, False, False, False, False, True],
            id="after growth the new height counts",
        ),
    ],
)
def test_windows_that_are_thin(samples: list[int], expected: list[bool]) -> None:
    assert asked(*samples) == expected


def test_window_that_makes_up_a_gap_is_always_asked_about() -> None:
    density = Density()
    density.note(window(0), 300)

    assert density.is_thin(Window(30_000, 90_000), 600, INTERVAL)
    assert not density.is_thin(Window(30_000, 45_000), 150, INTERVAL)


def test_changed_job_has_no_past() -> None:
    density = Density()
    density.note(window(0), 300)
    density.forget()

    assert density.is_thin(window(1), 300, INTERVAL)


@pytest.mark.parametrize(
    ("samples", "than", "expected"),
    [(300, 200, True), (300, 290, False), (1, 0, True), (0, 0, False), (200, 300, False)],
)
def test_fuller_is_noticeably_more(samples: int, than: int, expected: bool) -> None:
    assert is_fuller(samples, than) is expected


def test_no_two_answers_are_fuller_than_one_another() -> None:
    counts = range(200)

    assert not any(is_fuller(a, b) and is_fuller(b, a) for a, b in pairwise(counts))
