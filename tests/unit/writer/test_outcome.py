"""The table of delivery: what each answer means."""

import pytest

from writer.outcome import (
    Answer,
    ConfigFault,
    CredentialsFault,
    Delivered,
    NoAnswer,
    Outcome,
    Repeats,
    Retry,
    Split,
    first_line,
    of,
    retry_after,
)

NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(Answer(status=204), Delivered(), id="204"),
        pytest.param(Answer(status=200, text="ok"), Delivered(), id="200"),
        pytest.param(
            Answer(status=200, text="<html>", page=True),
            ConfigFault("200 with a page for people"),
            id="200 of a login page",
        ),
        pytest.param(
            NoAnswer(reason="cannot connect: refused", sent=False),
            Retry("cannot connect: refused"),
            id="not connected",
        ),
        pytest.param(
            NoAnswer(reason="no answer in time", sent=True),
            Retry("no answer in time", maybe_stored=True),
            id="time-out after sending",
        ),
        pytest.param(Answer(status=408), Retry("408"), id="408"),
        pytest.param(
            Answer(status=429, text="slow down", retry_after="7"),
            Retry("429 slow down", 7.0),
            id="429 with Retry-After",
        ),
        pytest.param(
            Answer(status=503, text="x", retry_after="3"),
            Retry("503 x", 3.0, maybe_stored=True),
            id="503 with Retry-After",
        ),
        pytest.param(
            Answer(status=500, text="disk on fire"),
            Retry("500 disk on fire", maybe_stored=True, about_data=True),
            id="500",
        ),
        pytest.param(
            Answer(status=400, text="out of order sample"),
            Split("400 out of order sample", "time"),
            id="out of order",
        ),
        pytest.param(
            Answer(status=400, text="duplicate sample for timestamp"),
            Split("400 duplicate sample for timestamp", "time"),
            id="duplicate",
        ),
        pytest.param(
            Answer(status=400, text="out of bounds"),
            Split("400 out of bounds", "time"),
            id="out of bounds",
        ),
        pytest.param(
            Answer(status=400, text="too old sample"),
            Split("400 too old sample", "time"),
            id="too old",
        ),
        pytest.param(
            Answer(status=409, text="out of order sample"),
            Split("409 out of order sample", "time"),
            id="409 of Thanos",
        ),
        pytest.param(
            Answer(status=409, text="conflict"), ConfigFault("409 conflict"), id="another 409"
        ),
        pytest.param(
            Answer(status=400, text="decoded size exceeds 33554432"),
            Split("400 decoded size exceeds 33554432", "size"),
            id="400 about size",
        ),
        pytest.param(Answer(status=413), Split("413", "size"), id="413"),
        pytest.param(
            Answer(status=400, text="histogram's bucket counts are odd"),
            Split("400 histogram's bucket counts are odd", "invalid"),
            id="400 about a histogram",
        ),
        pytest.param(
            Answer(status=400, text="bad request"),
            Split("400 bad request", "unknown"),
            id="another 400",
        ),
        pytest.param(
            Answer(status=500, text='label name "a" is not unique: invalid sample'),
            Split('500 label name "a" is not unique: invalid sample', "invalid"),
            id="poison of 2.42: duplicate label",
        ),
        pytest.param(
            Answer(status=500, text="too old sample"),
            Split("500 too old sample", "time"),
            id="poison of 2.42: too old",
        ),
        pytest.param(
            Answer(status=500, text="native histograms are disabled"),
            Split("500 native histograms are disabled", "invalid"),
            id="poison of 2.42: native histogram",
        ),
        pytest.param(
            Answer(status=503, text="out of order"),
            Retry("503 out of order", maybe_stored=True),
            id="503 says nothing about the data",
        ),
        pytest.param(Answer(status=401, text="no"), CredentialsFault("401 no"), id="401"),
        pytest.param(Answer(status=403, text="no"), CredentialsFault("403 no"), id="403"),
        pytest.param(
            Answer(status=404, text="404 page not found"),
            ConfigFault("404 404 page not found"),
            id="404",
        ),
        pytest.param(Answer(status=415), ConfigFault("415"), id="another 4xx"),
        pytest.param(
            Answer(status=302, text="Found"),
            ConfigFault("302 Found: redirects are not followed"),
            id="redirect",
        ),
    ],
)
def test_each_answer_has_its_outcome(answer: Answer | NoAnswer, expected: Outcome) -> None:
    assert of(answer, NOW) == expected


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        pytest.param("", None, id="absent"),
        pytest.param("120", 120.0, id="seconds"),
        pytest.param("Tue, 14 Nov 2023 22:13:30 GMT", 10.0, id="date"),
        pytest.param("Tue, 14 Nov 2023 22:13:10 GMT", 0.0, id="date that has passed"),
        pytest.param("soon", None, id="neither"),
        pytest.param("-5", None, id="negative"),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str, seconds: float | None) -> None:
    assert retry_after(header, NOW) == seconds


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(b"out of order sample\n", "out of order sample", id="newline at the end"),
        pytest.param(b"\n\nfirst\nsecond", "first", id="first line that says something"),
        pytest.param(b"a\r\x1b[31mb", "a  [31mb", id="control characters"),
        pytest.param(b"\xff", "�", id="not UTF-8"),
        pytest.param(b"x" * 999, "x" * 200, id="long"),
        pytest.param(b"", "", id="empty"),
    ],
)
def test_a_body_is_cut_to_a_line_that_is_safe_anywhere(body: bytes, expected: str) -> None:
    assert first_line(body) == expected


def test_the_same_500_again_and_again_is_taken_for_poison() -> None:
    repeats = Repeats(3)
    poison, other = (Retry(text, about_data=True) for text in ("500 a", "500 b"))
    away = Retry("503")

    judged = [repeats.judge(each) for each in (poison, other, away, away, away, poison, poison)]

    assert judged == [poison, other, away, away, away, poison, Split("500 a", "unknown")]
    assert repeats.judge(poison) == Split("500 a", "unknown")
