"""Times and durations in parameters."""

import pytest

from query_gateway import times
from query_gateway.failures import Failure


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("1700000000", 1_700_000_000_000),
        ("1700000000.0574", 1_700_000_000_057),
        ("1.7e9", 1_700_000_000_000),
        ("2023-11-14T22:13:20Z", 1_700_000_000_000),
        ("2023-11-14T23:13:20.5+01:00", 1_700_000_000_500),
    ],
)
def test_times_are_read_to_the_millisecond(text: str, milliseconds: int) -> None:
    assert times.milliseconds("time", text) == milliseconds


@pytest.mark.parametrize("text", ["", "now", "NaN", "inf", "2023-11-14T22:13:20"])
def test_what_is_no_time_is_named(text: str) -> None:
    with pytest.raises(Failure, match='invalid parameter "start"'):
        times.seconds("start", text)


@pytest.mark.parametrize(
    ("text", "seconds"), [("15", 15), ("0.5", 0.5), ("1m30s", 90), ("1h", 3600)]
)
def test_steps_are_numbers_or_durations(text: str, seconds: float) -> None:
    assert times.step_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "1 m", "s"])
def test_what_is_no_duration_is_named(text: str) -> None:
    with pytest.raises(Failure, match='invalid parameter "step"'):
        times.step_seconds(text)


@pytest.mark.parametrize("milliseconds", [0, 57, 1_700_000_000_000, 1_700_000_000_999])
def test_what_is_written_is_read_back(milliseconds: int) -> None:
    assert times.milliseconds("time", times.written(milliseconds)) == milliseconds
