"""Ask for range queries step by step: what a backend answered before is not asked of it again."""

import re
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from query_gateway import endpoints, limits, times
from query_gateway.cache import eligible
from query_gateway.cache.range_cache import RangeCache, RangeQuery
from query_gateway.cache.store import Memory
from query_gateway.calls import Call
from query_gateway.config import Cache, TenantLimits
from query_gateway.failures import Failure
from query_gateway.form import Pairs
from query_gateway.upstream import Upstream
from tenantry_common.contracts import Backend

_TOO_LARGE = 1024
"""Queries of which it is remembered that their answers are too large to be kept."""
_OF_THE_STEPS = frozenset((endpoints.QUERY, "start", "end", "step", endpoints.LIMIT, "timeout"))
_WHOLE_MILLISECONDS = re.compile(r"[0-9]+(\.[0-9]{1,3})?")


class Stepwise:
    """The way of range queries whose steps stand alone."""

    def __init__(
        self,
        cache: RangeCache,
        upstream: Upstream,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Use a `cache` for answers of backends; `now` returns seconds since the epoch."""
        self._cache = cache
        self._upstream = upstream
        self._now = now
        self._too_large: OrderedDict[tuple[str, str], None] = OrderedDict()

    async def answer(
        self,
        candidates: Sequence[Backend],
        call: Call,
        *,
        query: str,
        rules: str,
        own: TenantLimits,
    ) -> bytes | None:
        """Return the answer to a range query; None where it is to be asked as a whole.

        `query` is what the tenant wrote, `rules` the digest of its rules, `own` its limits. Raises
        `Failure`.
        """
        form = dict(call.form)
        asked = _asked(form)
        mark = (rules, query)
        if asked is None or mark in self._too_large:
            return None
        if not eligible.is_eligible(query, limits.for_promql(own)):
            return None
        backend = next(iter(self._upstream.in_order(candidates)), None)
        if backend is None:
            return None

        async def fetch(start: int, end: int) -> bytes:
            part = {**form, "start": times.written(start), "end": times.written(end)}
            part["step"] = times.written(asked.step)
            part.pop(endpoints.LIMIT, None)
            wanted = replace(call, form=tuple(part.items()))
            return await self._upstream.ask(
                [backend],
                [wanted],
                own.buffered_bytes,
                lambda bodies: bodies[0],
                seconds=own.timeout_seconds,
            )

        ranged = replace(asked, backend=backend.id, version=backend.version, rules=rules)
        limit = int(form.get(endpoints.LIMIT, "0"))
        try:
            return await self._cache.answer(ranged, limit, round(self._now() * 1000), fetch)
        except Failure as failure:
            if failure.kind == "limit":
                self._remember(mark)
            if failure.kind not in ("limit", "backends"):
                raise
            return None  # too large to be kept, or another replica may answer: asked as a whole

    def _remember(self, mark: tuple[str, str]) -> None:
        self._too_large[mark] = None
        while len(self._too_large) > _TOO_LARGE:
            self._too_large.popitem(last=False)


def stepwise(
    settings: Cache,
    upstream: Upstream,
    count: Callable[[str, int], None],
    now: Callable[[], float] = time.time,
) -> Stepwise | None:
    """Return the way with a cache as configured, None without one."""
    if not settings.memory_bytes:
        return None
    store = Memory(settings.memory_bytes)
    fresh = round(settings.fresh_seconds * 1000)
    return Stepwise(RangeCache(store, fresh_ms=fresh, count=count), upstream, now=now)


def _asked(form: Mapping[str, str]) -> RangeQuery | None:
    """Return what a form asks for; None where its times are not whole milliseconds in order."""
    texts = [form.get(name, "") for name in ("start", "end", "step")]
    if not all(map(_WHOLE_MILLISECONDS.fullmatch, texts)):
        return None
    start, end, step = (times.milliseconds("time", text) for text in texts)
    if not 0 < step <= end - start or not form.get(endpoints.LIMIT, "0").isdecimal():
        return None
    return RangeQuery(
        backend="",
        version="",
        query=form[endpoints.QUERY],
        rules="",
        start=start,
        end=end,
        step=step,
        parameters=_others(tuple(form.items())),
    )


def _others(form: Pairs) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(pair for pair in form if pair[0] not in _OF_THE_STEPS))
