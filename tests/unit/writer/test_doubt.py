"""What a cursor that was made again may have delivered before."""

from datetime import UTC, datetime, timedelta

import pytest

from writer.batch import Batch
from writer.doubt import Doubt
from writer.isolate import Refused, Verdict

CREATED = datetime(2026, 1, 1, tzinfo=UTC)
BEFORE, AFTER = CREATED - timedelta(seconds=1), CREATED + timedelta(seconds=1)


def settled(doubt: Doubt, window: int, *verdicts: Verdict) -> None:
    refused = [
        Refused(request=b"", reason="no", cause="time", verdict=verdict) for verdict in verdicts
    ]
    doubt.settled(Batch(window_end_ms=window, series=1, samples=1), refused)


def test_only_what_is_older_than_the_cursor_is_doubted() -> None:
    doubt = Doubt(CREATED)

    assert (doubt.about(BEFORE), doubt.about(CREATED), doubt.about(AFTER)) == (True, True, False)


@pytest.mark.parametrize(
    ("series", "verdict"),
    [
        pytest.param(4, "already stored", id="it has the batch but for what ended with it"),
        pytest.param(5, "rejected", id="it takes most of the batch"),
    ],
)
def test_what_is_refused_of_a_batch_that_is_new_is_lost(series: int, verdict: Verdict) -> None:
    refused = [
        Refused(request=name, reason="no", cause="time", verdict="already stored")
        for name in (b"a", b"b")
    ]
    judged = Doubt(CREATED).judge(Batch(window_end_ms=1, series=series, samples=9), refused)

    assert [one.verdict for one in judged] == [verdict] * 2


@pytest.mark.parametrize(
    ("windows", "doubted"),
    [
        pytest.param([(1, "already stored"), (2, "already stored")], True, id="stored already"),
        pytest.param([(1, None)], True, id="one window may be taken by chance"),
        pytest.param([(1, None), (1, None)], True, id="parts of one window are one"),
        pytest.param([(1, None), (2, "already stored"), (3, None)], True, id="not in a row"),
        pytest.param([(1, None), (2, None)], False, id="two windows in a row"),
        pytest.param([(1, "rejected"), (2, None)], False, id="refused for another reason"),
    ],
)
def test_doubt_ends_when_the_endpoint_takes_two_windows_in_a_row(
    windows: list[tuple[int, Verdict | None]], doubted: bool
) -> None:
    doubt = Doubt(CREATED)
    for window, verdict in windows:
        settled(doubt, window, *([verdict] if verdict else []))

    assert doubt.about(BEFORE) is doubted
