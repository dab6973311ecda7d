"""JSON logs on stderr: constant message, fields beside it, one object a line."""

import json
import logging
import sys
import time
from collections.abc import Callable
from typing import Literal

type LogFormat = Literal["json", "text"]

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

_encode = json.JSONEncoder(default=str, ensure_ascii=False).encode


class JsonFormatter(logging.Formatter):
    """Write a record as one JSON object: ts, level, logger, msg, then the `extra` fields."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, object] = {
            "ts": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "service": self._service,
            "logger": record.name,
            "msg": record.getMessage(),
        }
        fields.update((k, v) for k, v in vars(record).items() if k not in _STANDARD)
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return _encode(fields)


class TextFormatter(logging.Formatter):
    """Write a record for a person at a terminal: time, level, message, key=value fields."""

    def format(self, record: logging.LogRecord) -> str:
        extra = " ".join(f"{k}={v}" for k, v in vars(record).items() if k not in _STANDARD)
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        line = f"{clock} {record.levelname.lower():7} {record.getMessage()}  {extra}".rstrip()
        return line + ("\n" + self.formatException(record.exc_info) if record.exc_info else "")


def setup(service: str, level: str, style: LogFormat) -> None:
    """Send all records to stderr in the given style."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(service) if style == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # The client logs every lost connection with a traceback; `bus` says it once, in our words.
    logging.getLogger("nats").setLevel(logging.CRITICAL)
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
    logging.getLogger("watchfiles").setLevel(logging.WARNING)


class Throttle:
    """Let a repeated event through once per period and key.

    >>> throttle = Throttle(60, now=lambda: 0.0)
    >>> throttle.allow("a"), throttle.allow("a"), throttle.allow("b")
    (True, False, True)
    """

    _MAX_KEYS = 10_000

    def __init__(self, period: float, *, now: Callable[[], float] = time.monotonic) -> None:
        self._period = period
        self._now = now
        self._last: dict[str, float] = {}

    def allow(self, key: str) -> bool:
        """Return whether the event with this `key` should be reported now."""
        now = self._now()
        if now - self._last.get(key, float("-inf")) < self._period:
            return False
        if len(self._last) >= self._MAX_KEYS:
            self._last.clear()
        self._last[key] = now
        return True
