"""What each tenant may use, and whether a request asks for more; pure."""

import functools
from collections.abc import Mapping

import tenantry_promql as promql
from query_gateway import times
from query_gateway.config import Limits, TenantLimits
from query_gateway.failures import Failure

_REMEMBERED_BYTES = 4096


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
    asked = _duration(parameters) if given else 0.0
    span = max(0.0, asked) + reach(parameters.get("query", ""), limits)
    if span > limits.range_seconds:
        raise Failure(
            "limit",
            f"the limit range_seconds is {limits.range_seconds:g}, and the request asks for "
            f"{span:g} s; ask for a shorter range",
        )
    step = times.step_seconds(parameters["step"]) if given and "step" in parameters else 0.0
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


def _duration(parameters: Mapping[str, str]) -> float:
    return times.seconds("end", parameters["end"]) - times.seconds("start", parameters["start"])
