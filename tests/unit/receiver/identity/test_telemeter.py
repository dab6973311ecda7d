"""The credential form of telemeter's clients, and what only looks like it."""

import base64

import pytest

from receiver.identity import telemeter
from receiver.identity.telemeter import Credential


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


GOOD = encoded('{"authorization_token":"t","cluster_id":"c","more":1}')


@pytest.mark.parametrize(
    ("bearer", "expected"),
    [
        pytest.param(GOOD, Credential("t", "c"), id="a credential"),
        pytest.param(GOOD.rstrip("="), Credential("t", "c"), id="without padding"),
        pytest.param(encoded('{"authorization_token":"t"}'), None, id="no cluster"),
        pytest.param(encoded('{"authorization_token":5,"cluster_id":"c"}'), None, id="a number"),
        pytest.param(encoded("[]"), None, id="a list"),
        pytest.param(encoded("nonsense"), None, id="no JSON"),
        pytest.param("%%%", None, id="no base64"),
        pytest.param("é", None, id="no ASCII"),
        pytest.param("", None, id="nothing"),
        pytest.param(encoded('{"authorization_token":"' + "t" * 20_000), None, id="long"),
    ],
)
def test_a_bearer(bearer: str, expected: Credential | None) -> None:
    assert telemeter.read(bearer) == expected
