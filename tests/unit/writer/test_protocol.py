"""What an answer to a request of remote write 2.0 says."""

import pytest

from writer import outcome, protocol
from writer.outcome import Answer, NoAnswer


@pytest.mark.parametrize(
    ("answer", "spoken"),
    [
        pytest.param(Answer(status=204, written=3), True, id="all written"),
        pytest.param(Answer(status=204, written=0), True, id="nothing written, and said"),
        pytest.param(Answer(status=204), False, id="taken, not said"),
        pytest.param(Answer(status=415), False, id="415"),
        pytest.param(Answer(status=406, text="Content-Type?"), False, id="406"),
        pytest.param(Answer(status=400, text="cannot unmarshal"), False, id="400 about the form"),
        pytest.param(Answer(status=400, text="out of order sample"), True, id="400 about data"),
        pytest.param(Answer(status=400, text="proto:", written=1), True, id="a part is written"),
        pytest.param(Answer(status=500, text="proto:"), True, id="500"),
        pytest.param(Answer(status=404), True, id="404"),
        pytest.param(NoAnswer(reason="x", sent=True), True, id="no answer"),
    ],
)
def test_an_answer_tells_whether_2_0_is_spoken(answer: Answer | NoAnswer, spoken: bool) -> None:
    assert protocol.speaks_v2(answer, 3) is spoken


def test_a_request_without_samples_proves_nothing() -> None:
    assert protocol.speaks_v2(Answer(status=204), 0)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(Answer(status=204, written=3), outcome.Delivered(), id="all"),
        pytest.param(
            Answer(status=204, written=2),
            outcome.Split("204 but only 2 of 3 samples are written", "unknown", 2),
            id="fewer than sent",
        ),
        pytest.param(
            Answer(status=400, text="out of order", written=2),
            outcome.Split("400 out of order", "time", 2),
            id="a part refused",
        ),
        pytest.param(Answer(status=401), outcome.CredentialsFault("401"), id="anything else"),
        pytest.param(NoAnswer(reason="x", sent=False), outcome.Retry("x"), id="no answer"),
    ],
)
def test_what_is_written_counts(answer: Answer | NoAnswer, expected: outcome.Outcome) -> None:
    assert protocol.of_v2(answer, 3, 0.0) == expected
