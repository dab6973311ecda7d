"""A process is known by when it started."""

import pytest

from query_gateway import incarnation
from query_gateway.wire.errors import Broken

BODY = b'{"status":"success","data":{"startTime":"2026-11-21T19:01:14.8Z","CWD":"/"}}'


def test_the_process_that_was_seen_is_accepted() -> None:
    incarnation.check("2026-11-21T19:01:14.8Z", 200, BODY)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        pytest.param(200, BODY.replace(b"14.8", b"14.9"), id="another start"),
        pytest.param(503, BODY, id="not ready"),
        pytest.param(200, b"<html>", id="something else"),
        pytest.param(200, b'{"data":{}}', id="nothing said"),
    ],
)
def test_any_other_is_not(status: int, body: bytes) -> None:
    with pytest.raises(Broken):
        incarnation.check("2026-11-21T19:01:14.8Z", status, body)
