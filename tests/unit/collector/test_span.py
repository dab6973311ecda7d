"""What of a requested span is read next, and what is counted of it."""

import pytest
from msgspec.structs import replace

from collector import span
from collector.schedule import Window
from tenantry_common.contracts import Backfill

ASKED = Backfill(
    tenant="t", job="j", shard="s", endpoint="0", start_ms=50_000, end_ms=90_000, at_ms=100_000
)


@pytest.mark.parametrize(
    ("request_", "reach", "done_ms", "lost_ms"),
    [
        pytest.param(ASKED, 60_000, 50_000, 0, id="within lookback"),
        pytest.param(ASKED, 30_000, 70_000, 20_000, id="its beginning is too old"),
        pytest.param(ASKED, 5_000, 90_000, 40_000, id="all of it is too old"),
        pytest.param(
            replace(ASKED, by_hand=True), 5_000, 50_000, 0, id="a person may ask for more"
        ),
        pytest.param(replace(ASKED, start_ms=0), 30_000, 70_000, 0, id="no known beginning"),
        pytest.param(replace(ASKED, done_ms=60_000), 5_000, 60_000, 0, id="begun before"),
    ],
)
def test_a_span_begins_where_lookback_reaches(
    request_: Backfill, reach: int, done_ms: int, lost_ms: int
) -> None:
    begun = span.begun(request_, reach)

    assert (begun.done_ms, begun.lost_ms) == (done_ms, lost_ms)


def test_windows_cover_the_span_and_end_with_it() -> None:
    request = span.begun(ASKED, 60_000)
    windows = []
    while (window := span.following(request, 15_000)) is not None:
        windows.append(window)
        request = span.advanced(request, window, 1)

    assert windows == [
        Window(50_000, 65_000),
        Window(65_000, 80_000),
        Window(80_000, 90_000),
    ]


def test_windows_of_an_interval_end_at_its_multiples() -> None:
    request = span.begun(replace(ASKED, start_ms=63_000), 60_000)
    windows = []
    while (window := span.interval(request, 10_000)) is not None:
        windows.append(window)
        request = span.advanced(request, window, 1)

    assert windows == [
        Window(63_000, 70_000),
        Window(70_000, 80_000),
        Window(80_000, 90_000),
    ]


def test_samples_are_counted_and_windows_without_any() -> None:
    request = replace(span.begun(ASKED, 60_000), error="away")
    request = span.advanced(request, Window(50_000, 60_000), 7)
    request = span.advanced(request, Window(60_000, 90_000), 0)

    assert (request.samples, request.empty_ms, request.error) == (7, 30_000, "")


def test_a_window_that_was_counted_is_not_counted_again() -> None:
    request = span.advanced(span.begun(ASKED, 60_000), Window(50_000, 60_000), 7)

    assert span.advanced(request, Window(50_000, 60_000), 7) == request


@pytest.mark.parametrize(("samples", "sequence"), [(0, 0), (5, 17)])
def test_an_answer_names_its_last_message_if_there_is_one(samples: int, sequence: int) -> None:
    answered = span.answered(replace(ASKED, samples=samples, error="x"), 17, 123)

    assert (answered.sequence, answered.answered_ms, answered.error) == (sequence, 123, "")


@pytest.mark.parametrize(
    ("window", "half"),
    [(Window(0, 10_000), 5_000), (Window(0, 2_000), 1_000), (Window(0, 1_900), None)],
)
def test_a_window_is_halved_down_to_a_second(window: Window, half: int | None) -> None:
    assert span.shorter(window) == half
