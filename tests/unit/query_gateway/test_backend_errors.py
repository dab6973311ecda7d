"""A backend's error reaches the tenant without anything that was injected."""

import json

import pytest

from query_gateway import backend_errors

_TRY_NEXT = None


def body(error_type: str, text: str) -> bytes:
    return json.dumps({"status": "error", "errorType": error_type, "error": text}).encode()


@pytest.mark.parametrize(
    ("status", "error_type", "text"),
    [
        (400, "bad_data", 'invalid parameter "start": cannot parse "a" to a valid timestamp'),
        (
            400,
            "bad_data",
            "invalid parameter \"time\": Invalid time value for 'time': "
            'cannot parse "x" to a valid timestamp',
        ),
        (400, "bad_data", 'invalid parameter "end": end timestamp must not be before start time'),
        (
            400,
            "bad_data",
            "exceeded maximum resolution of 11,000 points per timeseries. "
            "Try decreasing the query resolution (?step=XX)",
        ),
        (
            400,
            "bad_data",
            'invalid expression type "range vector" for range query, '
            "must be Scalar or instant Vector",
        ),
        (422, "execution", "vector cannot contain metrics with the same labelset"),
        (
            422,
            "execution",
            "multiple matches for labels: many-to-one matching must be explicit "
            "(group_left/group_right)",
        ),
        (
            422,
            "execution",
            'found duplicate series for the match group {job="a"} on the right hand-side of the '
            'operation: [{__name__="x", job="a"}, {__name__="y", job="a"}];'
            "many-to-many matching not allowed: matching labels must be unique on one side",
        ),
        (422, "execution", "invalid destination label name in label_replace(): --"),
        (422, "execution", "invalid regular expression in label_replace(): ("),
        (422, "execution", 'invalid label name "--"'),
        (422, "execution", "Scalar value NaN overflows int64"),
        (
            422,
            "execution",
            "query processing would load too many samples into memory in query execution",
        ),
        (503, "timeout", "query timed out in expression evaluation"),
        (503, "canceled", "query was canceled in query execution"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_a_text_that_can_hold_nothing_injected_is_passed_on(
    status: int, error_type: str, text: str
) -> None:
    failure = backend_errors.judge(status, body(error_type, text))

    assert failure is not None
    assert (failure.status, failure.text) == (status, text)


@pytest.mark.parametrize(
    ("status", "error_type", "text"),
    [
        pytest.param(
            400,
            "bad_data",
            'invalid parameter "query": 1:20: parse error: unexpected "}" in up{namespace="secret"',
            id="a parse error quotes the query",
        ),
        pytest.param(
            400,
            "bad_data",
            'invalid parameter "match[]": 1:4: parse error: namespace="secret"',
            id="or a selector",
        ),
        pytest.param(
            422,
            "execution",
            'expanding series: {namespace="secret"}: timeout',
            id="a storage error",
        ),
        pytest.param(
            503, "timeout", 'query timed out in {namespace="secret"}', id="a text that looks alike"
        ),
        pytest.param(
            422,
            "execution",
            'vector cannot contain metrics with the same labelset {namespace="secret"}',
            id="a known text with something behind it",
        ),
    ],
)
def test_any_other_text_is_replaced(status: int, error_type: str, text: str) -> None:
    failure = backend_errors.judge(status, body(error_type, text))

    assert failure is not None
    assert failure.status == status
    assert "secret" not in failure.text
    assert f"({status})" in failure.text


def test_a_function_that_the_backend_does_not_know_is_named() -> None:
    text = (
        'invalid parameter "query": 1:33: parse error: unknown function with name "mad_over_time"'
    )
    failure = backend_errors.judge(400, body("bad_data", text))

    assert failure is not None
    assert failure.text == (
        'invalid parameter "query": parse error: unknown function with name "mad_over_time"'
    )


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        pytest.param(500, body("internal", "broken"), id="internal error"),
        pytest.param(503, body("unavailable", "TSDB not ready"), id="not ready"),
        pytest.param(503, b"Service Unavailable", id="a proxy's words"),
        pytest.param(400, b"<html>", id="not an envelope"),
        pytest.param(400, b'{"status":"err', id="a cut envelope"),
        pytest.param(422, b'{"status":"success"}', id="no error"),
        pytest.param(404, body("not_found", "?"), id="no such endpoint there"),
        pytest.param(302, b"", id="a redirect is not followed"),
        pytest.param(401, body("unauthorized", "?"), id="our credentials"),
        pytest.param(200, b"hello", id="something else altogether"),
    ],
)
def test_after_a_fault_of_the_backends_own_another_is_tried(status: int, answer: bytes) -> None:
    assert backend_errors.judge(status, answer) is _TRY_NEXT


@pytest.mark.parametrize(
    ("status", "text", "expected"),
    [
        (400, "exceeded sample limit (50)\n", (422, "exceeded sample limit (50)")),
        (400, 'parse error: {namespace="bank"}', (400, None)),
        (500, "anything", None),
        (404, "404 page not found", None),
    ],
)
def test_errors_without_an_envelope_are_understood(
    status: int, text: str, expected: tuple[int, str | None] | None
) -> None:
    failure = backend_errors.judge_text(status, text.encode())

    if expected is None:
        assert failure is None
    else:
        assert failure is not None
        assert failure.status == expected[0]
        assert "bank" not in failure.text
        assert expected[1] in (None, failure.text)


def test_a_search_that_is_switched_off_is_not_tried_elsewhere() -> None:
    body = b'{"status":"error","errorType":"unavailable","error":"search API disabled"}'

    failure = backend_errors.judge(503, body)

    assert failure is not None
    assert (failure.status, failure.text) == (422, "search is not enabled at the backend")


def test_victoria_metrics_says_of_a_query_that_it_cannot_be_evaluated() -> None:
    failure = backend_errors.judge(422, body("422", "error when executing query=secret"))

    assert failure is not None
    assert (failure.kind, "secret" in failure.text) == ("upstream_execution", False)
