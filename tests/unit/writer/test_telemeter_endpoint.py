"""What a telemeter server's answers mean; uploads themselves are tested against a strict server."""

import pytest

from writer import outcome, telemeter_endpoint
from writer.outcome import Answer, ConfigFault, CredentialsFault, Delivered, NoAnswer, Retry, Split


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(Answer(status=200), Delivered(), id="exactly 200"),
        pytest.param(Answer(status=200, page=True), ConfigFault("200 with a page for people"), id="a login page"),
        pytest.param(Answer(status=201), Retry("201", maybe_stored=True), id="201 is no success"),
        pytest.param(Answer(status=204), Retry("204", maybe_stored=True), id="204 is no success"),
        pytest.param(Answer(status=302), Retry("302"), id="a redirect"),
        pytest.param(Answer(status=400, text="x"), Split("400 x", "unknown"), id="refused"),
        pytest.param(Answer(status=401), CredentialsFault("401"), id="token not accepted"),
        pytest.param(Answer(status=403), CredentialsFault("403"), id="forbidden"),
        pytest.param(Answer(status=404), Retry("404"), id="not there"),
        pytest.param(Answer(status=409), Split("409", "unknown"), id="refused behind it"),
        pytest.param(Answer(status=413), Split("413", "size"), id="too large"),
        pytest.param(Answer(status=429, retry_after="30"), Retry("429", 30.0), id="too often"),
        pytest.param(Answer(status=500, text="x"), Retry("500 x", maybe_stored=True, about_data=True), id="fault"),
        pytest.param(Answer(status=503), Retry("503", maybe_stored=True), id="down"),
        pytest.param(NoAnswer(reason="gone", sent=True), Retry("gone", maybe_stored=True), id="no answer"),
    ],
)  # fmt: skip
def test_answers(answer: Answer | NoAnswer, expected: outcome.Outcome) -> None:
    assert telemeter_endpoint.of(answer, 0.0) == expected
