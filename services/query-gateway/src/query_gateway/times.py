"""Times and durations in parameters, as Prometheus reads them (web/api/v1); pure."""

import math
import re
from datetime import datetime

from query_gateway.failures import Failure

_DURATION = re.compile(
    r"(?:([0-9]+)y)?(?:([0-9]+)w)?(?:([0-9]+)d)?(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+)s)?"
    r"(?:([0-9]+)ms)?"
)
_UNITS = (31536000.0, 604800.0, 86400.0, 3600.0, 60.0, 1.0, 0.001)
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


def seconds(name: str, text: str) -> float:
    """Return the time that a parameter says, in seconds since the epoch. Raises `Failure`."""
    if _NUMBER.fullmatch(text):
        return _finite(name, text, float(text))
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise _not_a_time(name, text)
    return found.timestamp()


def step_seconds(text: str) -> float:
    """Return the duration that `step` says, in seconds. Raises `Failure`."""
    if _NUMBER.fullmatch(text):
        return _finite("step", text, float(text))
    found = _DURATION.fullmatch(text)
    if found is None or not any(found.groups()):
        raise Failure(
            "malformed",
            f'invalid parameter "step": cannot parse "{text}" to a valid duration',
        )
    return sum(float(number) * unit for number, unit in zip(found.groups("0"), _UNITS, strict=True))


def _finite(name: str, text: str, value: float) -> float:
    if not math.isfinite(value):
        raise _not_a_time(name, text)
    return value


def _not_a_time(name: str, text: str) -> Failure:
    return Failure(
        "malformed", f'invalid parameter "{name}": cannot parse "{text}" to a valid timestamp'
    )


def milliseconds(name: str, text: str) -> int:
    """Return a time in milliseconds, to which Prometheus rounds it. Raises `Failure`."""
    return round(seconds(name, text) * 1000)


def written(milliseconds: int) -> str:
    """Return a time or a duration as a parameter that is read without any rounding."""
    return f"{milliseconds // 1000}.{milliseconds % 1000:03d}"
