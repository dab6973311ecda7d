"""Logs are one JSON object a line; repeated events are throttled."""

import json
import logging
import sys

import pytest

from tenantry_common import config, logs


def record(**extra: object) -> logging.LogRecord:
    made = logging.LogRecord("tests", logging.WARNING, "f.py", 1, "it happened", (), None)
    vars(made).update(extra)
    return made


def test_fields_stand_beside_a_constant_message() -> None:
    line = json.loads(logs.JsonFormatter("writer").format(record(tenant="team-a", sequence=7)))

    del line["ts"]
    assert line == {
        "level": "warning",
        "service": "writer",
        "logger": "tests",
        "msg": "it happened",
        "tenant": "team-a",
        "sequence": 7,
    }


def test_a_traceback_is_a_field() -> None:
    try:
        raise KeyError("k")
    except KeyError:
        made = record()
        made.exc_info = sys.exc_info()

    assert "KeyError: 'k'" in json.loads(logs.JsonFormatter("writer").format(made))["exception"]


def test_text_is_for_people() -> None:
    assert logs.TextFormatter().format(record(tenant="a")).endswith("warning it happened  tenant=a")


def test_a_repeated_event_passes_once_per_period_and_key() -> None:
    clock = 0.0
    throttle = logs.Throttle(10, now=lambda: clock)

    first = [throttle.allow("a"), throttle.allow("a"), throttle.allow("b")]
    clock = 10.0

    assert (first, throttle.allow("a")) == ([True, False, True], True)


@pytest.mark.parametrize("style", ["json", "text"])
def test_the_nats_client_does_not_log_for_itself(style: config.LogFormat) -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        logs.setup("x", "info", style)
        assert not logging.getLogger("nats").isEnabledFor(logging.ERROR)
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
