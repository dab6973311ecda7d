"""JSON logs on stderr: constant message, fields beside it, one object a line."""

import asyncio
import json
import logging
import sys
import time
from collections.abc import Callable, Mapping
from typing import TextIO

import msgspec

from tenantry_common import config

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

_encode = msgspec.json.Encoder(enc_hook=str).encode
_encode_anything = json.JSONEncoder(default=str, ensure_ascii=False, skipkeys=True).encode


class JsonFormatter(logging.Formatter):
    """Write a record as one JSON object: ts, level, logger, msg, then the `extra` fields."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service
        self._last = (-1, "")

    def format(self, record: logging.LogRecord) -> str:
        attributes = vars(record)
        fields = {name: attributes[name] for name in attributes.keys() - _STANDARD}
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        level = record.levelname.lower()
        return self.line(record.created, level, record.name, record.getMessage(), fields)

    def line(
        self, at: float, level: str, logger: str, message: str, fields: Mapping[str, object]
    ) -> str:
        """Return the line of a message; `at` is in seconds since the epoch."""
        second = int(at)
        if second != self._last[0]:  # many messages share one
            self._last = second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        document = {
            "ts": f"{self._last[1]}.{int((at - second) * 1000):03d}Z",
            "level": level,
            "service": self._service,
            "logger": logger,
            "msg": message,
            **fields,
        }
        try:
            return _encode(document).decode()
        except (UnicodeEncodeError, TypeError, ValueError):  # what came in bytes that are no text
            return _encode_anything(document)


class JsonHandler(logging.StreamHandler[TextIO]):
    """Write JSON lines; those of `event` some at a time, at the latest after a tenth of a second."""

    _MOST = 200
    _SECONDS = 0.1

    def __init__(self, service: str, stream: TextIO) -> None:
        super().__init__(stream)
        self.lines = JsonFormatter(service)
        self.setFormatter(self.lines)
        self._waiting: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, after what came before it."""
        self.flush()
        super().emit(record)

    def add(self, logger: str, message: str, fields: Mapping[str, object]) -> None:
        """Write a message of level info soon. Needs a running event loop."""
        self._waiting.append(self.lines.line(time.time(), "info", logger, message, fields))
        if len(self._waiting) == 1:
            asyncio.get_running_loop().call_later(self._SECONDS, self.flush)
        elif len(self._waiting) >= self._MOST:
            self.flush()

    def flush(self) -> None:
        """Write what waits; `logging` also calls this at the end of the process."""
        waiting, self._waiting = self._waiting, []
        if waiting:
            self.stream.write("\n".join(waiting) + "\n")
        super().flush()


class TextFormatter(logging.Formatter):
    """Write a record for a person at a terminal: time, level, message, key=value fields."""

    def format(self, record: logging.LogRecord) -> str:
        extra = " ".join(f"{k}={v}" for k, v in vars(record).items() if k not in _STANDARD)
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        line = f"{clock} {record.levelname.lower():7} {record.getMessage()}  {extra}".rstrip()
        return line + ("\n" + self.formatException(record.exc_info) if record.exc_info else "")


def setup(service: str, level: str, style: config.LogFormat) -> None:
    """Send all records to stderr in the given style."""
    handler: logging.StreamHandler[TextIO]
    if style == "json":
        handler = JsonHandler(service, sys.stderr)
    else:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # The client logs every lost connection with a traceback; `bus` says it once, in our words.
    logging.getLogger("nats").setLevel(logging.CRITICAL)
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
    logging.getLogger("watchfiles").setLevel(logging.WARNING)
    # What no formatter of ours shows, and takes half of the time of a record (Logging HOWTO,
    # "Optimization").
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    vars(logging).update(logAsyncioTasks=False, _srcfile=None)


def event(logger: logging.Logger, message: str, fields: Mapping[str, object]) -> None:
    """Log a message of level info, of which there are many: as ``logger.info(message, extra=fields)``.

    Where nothing but our own handler would see the record, it is not made, which takes a tenth of the
    time. Needs a running event loop.
    """
    match logging.getLogger().handlers:
        case [JsonHandler() as handler] if logger.propagate and not logger.handlers:
            if logger.isEnabledFor(logging.INFO):
                handler.add(logger.name, message, fields)
        case _:
            logger.info(message, extra=fields)


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
