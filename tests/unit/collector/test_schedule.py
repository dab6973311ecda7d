"""Windows are contiguous, aligned, bounded, and due when they have settled."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector import schedule
from collector.schedule import Due, Timing, Wait, Window

TIMING = Timing(interval=30_000, settle=5_000, delay=0, slice=300_000, lookback=3_600_000)
AT = 1_700_000_010_000  # a multiple of 30 s


@pytest.mark.parametrize(
    ("position", "now", "decision"),
    [
        pytest.param(
            AT - 30_000, AT + 5_000, Due(Window(AT - 30_000, AT)), id="due as soon as it settled"
        ),
        pytest.param(AT - 30_000, AT + 4_999, Wait(AT + 5_000), id="not due before"),
        pytest.param(AT, AT + 5_000, Wait(AT + 35_000), id="the next one is an interval later"),
        pytest.param(
            AT - 90_000, AT + 5_000, Due(Window(AT - 90_000, AT)), id="what piled up comes at once"
        ),
        pytest.param(
            AT - 600_000,
            AT + 5_000,
            Due(Window(AT - 600_000, AT - 300_000)),
            id="but not more than a slice, the oldest first",
        ),
        pytest.param(
            AT - 47_001,
            AT + 5_000,
            Due(Window(AT - 47_001, AT)),
            id="an odd start is aligned again",
        ),
        pytest.param(
            AT - 4_000_000,
            AT + 5_000,
            Due(
                Window(AT - 3_600_000, AT - 3_300_000), lost=Window(AT - 4_000_000, AT - 3_600_000)
            ),
            id="what is older than lookback is lost",
        ),
        pytest.param(AT + 90_000, AT, Wait(AT + 125_000), id="a clock that was set back waits"),
    ],
)
def test_what_is_due(position: int, now: int, decision: Due | Wait) -> None:
    assert schedule.due(position, now, TIMING) == decision


def test_interval_longer_than_lookback_loses_nothing() -> None:
    day = replace(TIMING, interval=86_400_000, slice=86_400_000, lookback=60_000)
    at = AT - AT % day.interval

    decision = schedule.due(at - day.interval, at + 20_000_000, day)

    assert decision == Due(Window(at - day.interval, at))


def test_slice_shorter_than_the_interval_cuts_windows() -> None:
    short = replace(TIMING, slice=8_000)

    assert schedule.due(AT - 30_000, AT + 5_000, short) == Due(Window(AT - 30_000, AT - 22_000))
    assert schedule.due(AT - 4_000, AT + 5_000, short) == Due(Window(AT - 4_000, AT))


def test_new_shard_begins_with_the_last_whole_interval() -> None:
    start = schedule.first_start(AT + 20_000, TIMING)

    assert start == AT - 30_000
    assert schedule.due(start, AT + 20_000, TIMING) == Due(Window(AT - 30_000, AT))


@given(
    interval=st.integers(5_000, 100_000),
    slice_=st.integers(1_000, 1_000_000),
    settle=st.integers(0, 20_000),
    delay=st.integers(0, 2_000),
    behind=st.integers(0, 10_000_000),
)
def test_windows_follow_one_another_without_gap_until_the_present(
    interval: int, slice_: int, settle: int, delay: int, behind: int
) -> None:
    timing = Timing(
        interval=interval, settle=settle, delay=delay, slice=slice_, lookback=20_000_000
    )
    position = AT - behind
    for _ in range(20_000):
        decision = schedule.due(position, AT, timing)
        if isinstance(decision, Wait):
            break
        window = decision.window
        assert decision.lost is None
        assert window.start_ms == position < window.end_ms <= AT - settle - delay
        assert window.end_ms - window.start_ms <= slice_
        position = window.end_ms
    assert schedule.settled(AT, timing) <= position
    assert isinstance(decision, Wait)
    assert decision.until_ms > AT


@given(st.text(max_size=20), st.integers(0, 5_000))
def test_delay_is_within_the_spread_and_always_the_same(shard: str, spread: int) -> None:
    found = schedule.delay(shard, spread)

    assert 0 <= found <= spread
    assert schedule.delay(shard, spread) == found


def test_delays_differ_between_shards() -> None:
    assert len({schedule.delay(f"t/j/{n}", 2_000) for n in range(100)}) > 80


def test_slices_are_halved_down_to_a_second_and_doubled_up_to_the_longest() -> None:
    halved = schedule.shorter(TIMING, Window(AT, AT + 5_000))

    assert halved == replace(TIMING, slice=2_500)
    assert schedule.shorter(TIMING, Window(AT, AT + 1_999)) is None
    assert schedule.longer(replace(TIMING, slice=200_000), 300_000).slice == 300_000
    assert schedule.longer(replace(TIMING, slice=2_500), 300_000).slice == 5_000


LATEST = replace(TIMING, latest=True)


@pytest.mark.parametrize(
    ("position", "decision"),
    [
        pytest.param(AT - 30_000, Due(Window(AT - 30_000, AT)), id="the interval that ended"),
        pytest.param(
            AT - 120_000, Due(Window(AT - 120_000, AT), skipped=3), id="only the newest of several"
        ),
        pytest.param(
            AT - 600_000,
            Due(Window(AT - 300_000, AT), skipped=19),
            id="samples are not older than an instant vector takes",
        ),
        pytest.param(AT, Wait(AT + 35_000), id="the next one"),
    ],
)
def test_what_is_due_where_only_the_newest_is_wanted(position: int, decision: Due | Wait) -> None:
    assert schedule.due(position, AT + 5_000, LATEST) == decision


def test_interval_longer_than_an_instant_vector_looks_back_is_whole() -> None:
    day = replace(LATEST, interval=86_400_000)
    at = AT - AT % day.interval

    assert schedule.due(at - day.interval, at + 5_000, day) == Due(Window(at - day.interval, at))
