"""Gateways with and without a cache in front of one estate whose time, policies and backends change."""

import asyncio
import contextlib
import re
import zlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiohttp import web
from hypothesis import strategies as st

from query_gateway import config
from query_gateway.testing import FakePrometheus, Harness, gateway, json_answer

START = 1_700_000_000
SCRAPE = 15
LOOKBACK = 300
FRESH = config.Cache().fresh_seconds
NAMESPACES = ("a", "b", "c")
TENANTS = ("shop", "bank")
_NAMESPACE = re.compile(r'namespace(=~?)"([^"]*)"')


class Data:
    """What one backend holds: series of each namespace, whose samples come with a delay below `FRESH`."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.backfilled: dict[tuple[str, int, int], str] = {}
        """By namespace, number of the series, and number of the scrape."""

    def value(self, namespace: str, series: int, at: int, now: int) -> str | None:
        """Return the newest value that is there `now` for a step at `at`, in seconds."""
        for scrape in range(at // SCRAPE, (at - LOOKBACK) // SCRAPE, -1):
            late = self.backfilled.get((namespace, series, scrape))
            if late is not None:
                return late
            drawn = zlib.crc32(f"{self.seed} {namespace} {series} {scrape}".encode())
            delay = drawn % FRESH if drawn % 2 else FRESH - 1
            if drawn % 5 and scrape * SCRAPE + delay < now and scrape % 97 > 25:
                return f"{drawn % 100_000}"
        return None


@dataclass
class Estate:
    """Everything that changes."""

    data: dict[str, Data]
    """By backend."""
    now: int = START
    policies: dict[str, str] = field(default_factory=dict)
    """Tenant → the namespace that it may see."""
    changes: int = 0

    def backends(self) -> list[FakePrometheus]:
        """Return a backend for each set of data."""
        return [FakePrometheus(name, self._answering(name)) for name in self.data]

    def _answering(self, name: str) -> Any:
        async def answer(request: web.Request) -> web.StreamResponse:
            form = await request.post()
            start, end, step = (round(float(str(form[key]))) for key in ("start", "end", "step"))
            operator, text = _NAMESPACE.findall(str(form["query"]))[-1]
            permitted = text.split("|") if operator == "=~" else [text]
            result = []
            for namespace in permitted:
                for series in range(3):
                    values = [
                        [at, value]
                        for at in range(start, end + 1, step)
                        if (value := self.data[name].value(namespace, series, at, self.now))
                    ]
                    labels = {"__name__": "m", "namespace": namespace, "series": str(series)}
                    if values:
                        result.append({"metric": labels, "values": values})
            return await json_answer({"resultType": "matrix", "result": result})(request)

        return answer


@contextlib.asynccontextmanager
async def gateways(
    estate: Estate, fakes: Sequence[FakePrometheus], caches: Sequence[config.Cache | None]
) -> AsyncIterator[list[Harness]]:
    """Yield a gateway for each of `caches`, all in front of the same backends."""
    async with contextlib.AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(gateway(fakes, cache=cache, now=lambda: estate.now))
            for cache in caches
        ]


type Event = tuple[str, Mapping[str, Any]]


def _event(kind: str, **about: st.SearchStrategy[Any]) -> st.SearchStrategy[Event]:
    return st.tuples(st.just(kind), st.fixed_dictionaries(about))


_ASK = _event(
    "ask",
    tenant=st.sampled_from(TENANTS),
    steps=st.integers(1, 150),
    step=st.sampled_from((15, 15, 60)),
    back=st.sampled_from((0, 0, 0, 1, 7, 40)),
)
_WAIT = _event("wait", seconds=st.integers(1, 300))
_CHANGE = st.one_of(
    _event("grant", tenant=st.sampled_from(TENANTS), namespace=st.sampled_from(NAMESPACES)),
    _event("replace", number=st.integers(0, 1)),
    _event("health", number=st.integers(0, 1)),
)
EVENTS = st.lists(st.one_of(_ASK, _ASK, _ASK, _WAIT, _WAIT, _CHANGE), min_size=10, max_size=40)
"""Requests at times that overlap, and everything that may change between them."""


async def play(
    estate: Estate,
    fakes: Sequence[FakePrometheus],
    harnesses: Sequence[Harness],
    events: Sequence[Event],
) -> int:
    """Let everything happen; the answers of all gateways must be equal. Return how many there were."""
    for tenant, namespace in zip(TENANTS, NAMESPACES, strict=False):
        _grant(harnesses, tenant, namespace)
    asked = 0
    for kind, about in events:
        match kind:
            case "ask":
                answers = [await _ask(estate, one, **about) for one in harnesses]
                assert all(answer == answers[0] for answer in answers), about
                asked += 1
            case "wait":
                estate.now += about["seconds"]
                await asyncio.sleep(0)
            case "grant":
                _grant(harnesses, about["tenant"], about["namespace"])
            case "replace":
                estate.changes += 1
                name = fakes[about["number"]].name
                estate.data[name] = Data(estate.data[name].seed + 1_000)
                _change(harnesses, name, version=f"3.{estate.changes}.0")
            case "health":
                name = fakes[about["number"]].name
                now = harnesses[0].backends.snapshot
                if not now[name].healthy or all(one.healthy for one in now.values()):
                    _change(harnesses, name, healthy=not now[name].healthy)
            case _:
                raise AssertionError(kind)
    return asked


def _grant(harnesses: Sequence[Harness], tenant: str, namespace: str) -> None:
    for one in harnesses:
        one.policies.grant(tenant, f'{{namespace="{namespace}"}}')
        one.policies.version += 1


def _change(harnesses: Sequence[Harness], backend: str, **fields: object) -> None:
    for one in harnesses:
        known = one.backends.snapshot
        changed = msgspec.structs.replace(known[backend], **fields)
        one.backends.snapshot = {**known, backend: changed}


async def _ask(
    estate: Estate, harness: Harness, tenant: str, steps: int, step: int, back: int
) -> tuple[int, Any]:
    end = estate.now // step * step - back * step
    form = {"query": "m", "start": end - steps * step, "end": end, "step": step}
    answer = await harness.client.post(
        "/api/v1/query_range",
        headers={"X-Tenant-Namespace": tenant},
        data={name: str(value) for name, value in form.items()},
    )
    return answer.status, await answer.json()
