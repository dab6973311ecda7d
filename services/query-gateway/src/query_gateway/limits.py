"""What each tenant may use, and whether a request asks for more; pure."""

import functools
import math
import re
from collections.abc import Mapping
from datetime import datetime

import tenantry_promql as promql
from query_gateway.config import Limits, TenantLimits
from query_gateway.failures import Failure

_DURATION = re.compile(
    r"(?:([0-9]+)y)?(?:([0-9]+)w)?(?:([0-9]+)d)?(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+)s)?"
    r"(?:([0-9]+)ms)?"
)
_UNITS = (31536000.0, 604800.0, 86400.0, 3600.0, 60.0, 1.0, 0.001)
_REMEMBERED_BYTES = 4096
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


class PerTenant:
    """The limits of every tenant: those of all, with what is said about this one."""

    def __init__(self, settings: Limits) -> None:
        self._common: TenantLimits = settings
        self._own = settings.own()

    def of(self, tenant: str) -> TenantLimits:
        """Return the limits of `tenant`."""
        return self._own.get(tenant, self._common)


def for_promql(limits: TenantLimits) -> promql.Limits:
    """Return what the rewriting of one query may need."""
    return _for_promql(limits.query_bytes, limits.pieces, limits.output_bytes)


@functools.lru_cache(maxsize=256)
def _for_promql(query_bytes: int, pieces: int, output_bytes: int) -> promql.Limits:
    return promql.Limits(query_bytes=query_bytes, pieces=pieces, output_bytes=output_bytes)


def check_range(parameters: Mapping[str, str], limits: TenantLimits) -> None:
    """Refuse a time range that is too long, or cut too fine. Raises `Failure`.

    Range selectors of the query count too. A time that a backend might read otherwise than we do
    is refused; what is missing, or makes no sense, is left to the backend to complain about.
    """
    given = "start" in parameters and "end" in parameters
    asked = _duration(parameters["start"], parameters["end"]) if given else 0.0
    span = max(0.0, asked) + reach(parameters.get("query", ""), limits)
    if span > limits.range_seconds:
        raise Failure(
            "limit",
            f"the limit range_seconds is {limits.range_seconds:g}, and the request asks for "
            f"{span:g} s; ask for a shorter range",
        )
    step = _step(parameters["step"]) if given and "step" in parameters else 0.0
    if step > 0 and asked / step > limits.points:
        raise Failure(
            "limit",
            f"the limit points is {limits.points} per series, and the request asks for "
            f"{asked / step:.0f}; ask for a shorter range or a longer step",
        )


def reach(query: str, limits: TenantLimits) -> float:
    """Return over how many seconds the query's range selectors and subqueries go, see `promql.reach`.

    0 for what cannot be read: enforcement refuses it, in better words.
    """
    if "[" not in query:
        return 0.0
    read = _reach if len(query) <= _REMEMBERED_BYTES else _reach.__wrapped__
    return read(query, for_promql(limits))


@functools.lru_cache(maxsize=2048)
def _reach(query: str, limits: promql.Limits) -> float:
    try:
        return promql.reach(query, limits=limits)
    except promql.PromQLError:
        return 0.0


def _duration(start: str, end: str) -> float:
    return _time("end", end) - _time("start", start)


def _time(name: str, text: str) -> float:
    """Return a time in seconds since the epoch, as Prometheus reads it."""
    if _NUMBER.fullmatch(text):
        return _finite(name, text, float(text))
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise _not_a_time(name, text)
    return found.timestamp()


def _step(text: str) -> float:
    """Return a duration in seconds, as Prometheus reads it."""
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
