"""Each kind of refusal has its status, and only what will pass tells when to come again."""

import pytest

from receiver import refusal
from receiver.refusal import Refused


@pytest.mark.parametrize(
    ("refused", "status", "retry_after"),
    [
        pytest.param(refusal.unauthenticated("x"), 401, None, id="nobody"),
        pytest.param(refusal.foreign("x"), 403, None, id="another"),
        pytest.param(refusal.malformed("x"), 400, None, id="malformed"),
        pytest.param(refusal.too_large("x"), 413, None, id="too large"),
        pytest.param(refusal.unsupported("x"), 415, None, id="unsupported"),
        pytest.param(refusal.too_often("x", 0), 429, 1, id="too often"),
        pytest.param(refusal.unavailable("x"), 503, 5, id="unavailable"),
    ],
)
def test_a_refusal(refused: Refused, status: int, retry_after: int | None) -> None:
    assert (refused.status, refused.text, refused.retry_after) == (status, "x", retry_after)
