"""Ask for range queries step by step: what a backend answered before is not asked of it again."""

import hashlib
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import msgspec

from query_gateway import endpoints, limits, times
from query_gateway.cache import eligible
from query_gateway.cache.range_cache import RangeCache, RangeQuery
from query_gateway.cache.store import Memory, Store
from query_gateway.calls import Call
from query_gateway.config import Config, TenantLimits
from query_gateway.failures import Failure
from query_gateway.form import Pairs
from query_gateway.upstream import Conversation, Upstream
from tenantry_common.contracts import Backend

_TOO_LARGE = 1024
"""Queries of which it is remembered that their answers are too large to be kept."""
_SOURCES = 1024
_OF_THE_STEPS = frozenset((endpoints.QUERY, "start", "end", "step", endpoints.LIMIT, "timeout"))
_WHOLE_MILLISECONDS = re.compile(r"[0-9]+(\.[0-9]{1,3})?")


class Stepwise:
    """The way of range queries whose steps stand alone."""

    def __init__(
        self,
        cache: RangeCache,
        upstream: Upstream,
        sources: "Sources",
        now: Callable[[], float] = time.time,
    ) -> None:
        """Use a `cache` for answers of backends; `now` returns seconds since the epoch."""
        self._cache = cache
        self._upstream = upstream
        self._sources = sources
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
        if len(form) < len(call.form):
            return None  # something is said several times
        if any(one.product != "prometheus" for one in candidates):
            # VictoriaMetrics moves ranges to multiples of the step, and takes the distance of samples
            # from all of the range: its steps do not stand alone.
            return None
        if asked is None or mark in self._too_large:
            return None
        if not eligible.is_eligible(query, limits.for_promql(own)):
            return None
        limit = int(form.get(endpoints.LIMIT, "0"))

        async def talk(conversation: Conversation) -> bytes:
            async def fetch(start: int, end: int) -> bytes:
                part = {**form, "start": times.written(start), "end": times.written(end)}
                part["step"] = times.written(asked.step)
                part.pop(endpoints.LIMIT, None)
                wanted = msgspec.structs.replace(call, form=tuple(part.items()))
                return await conversation.ask(wanted)

            source = self._sources.of(conversation.backend)
            ranged = replace(asked, source=source, rules=rules)
            return await self._cache.answer(ranged, limit, round(self._now() * 1000), fetch)

        try:
            return await self._upstream.converse(
                candidates, own.buffered_bytes, talk, seconds=own.timeout_seconds
            )
        except Failure as failure:
            if failure.kind != "limit":
                raise
            self._remember(mark)
            return None  # too large to be kept: asked as a whole

    def _remember(self, mark: tuple[str, str]) -> None:
        self._too_large[mark] = None
        while len(self._too_large) > _TOO_LARGE:
            self._too_large.popitem(last=False)


class Sources:
    """Digests of what is asked, and how: where anything of it differs, other samples may be meant."""

    def __init__(self, settings: Config) -> None:
        """Take what says how backends are asked; the gateways of a shared store may differ in it."""
        asked = (settings.cache.epoch, settings.upstream.headers, settings.backend_access)
        self._how = msgspec.json.encode(asked, order="sorted")
        self._known: dict[str, tuple[Backend, str]] = {}

    def of(self, backend: Backend) -> str:
        """Return the digest of a backend, whatever its health is."""
        known = self._known.get(backend.id)
        if known is not None and known[0] is backend:
            return known[1]
        lasting = msgspec.structs.replace(backend, healthy=True, reason="", labels={})
        text = msgspec.json.encode(lasting, order="sorted")
        digest = hashlib.sha256(self._how + text).hexdigest()
        if len(self._known) >= _SOURCES:  # pods come and go
            self._known.clear()
        self._known[backend.id] = backend, digest
        return digest


def stepwise(
    settings: Config,
    upstream: Upstream,
    count: Callable[[str, int], None],
    *,
    shared: Store | None = None,
    now: Callable[[], float] = time.time,
) -> Stepwise | None:
    """Return the way with a cache as configured, None without one; `shared` is that of all gateways."""
    cache = settings.cache
    if not cache.memory_bytes:
        return None
    ranges = RangeCache(
        Memory(cache.memory_bytes),
        shared,
        fresh_ms=round(cache.fresh_seconds * 1000),
        keep_ms=round(cache.keep_seconds * 1000),
        count=count,
    )
    return Stepwise(ranges, upstream, Sources(settings), now=now)


def _asked(form: Mapping[str, str]) -> RangeQuery | None:
    """Return what a form asks for; None where its times are not whole milliseconds in order."""
    texts = [form.get(name, "") for name in ("start", "end", "step")]
    if not all(map(_WHOLE_MILLISECONDS.fullmatch, texts)):
        return None
    start, end, step = (times.milliseconds("time", text) for text in texts)
    if not 0 < step <= end - start or not form.get(endpoints.LIMIT, "0").isdecimal():
        return None
    return RangeQuery(
        source="",
        query=form[endpoints.QUERY],
        rules="",
        start=start,
        end=end,
        step=step,
        parameters=_others(tuple(form.items())),
    )


def _others(form: Pairs) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(pair for pair in form if pair[0] not in _OF_THE_STEPS))
