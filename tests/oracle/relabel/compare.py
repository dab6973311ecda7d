"""Let a real Prometheus scrape and relabel every case, and compare what it stored with our own."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
from tests.oracle.relabel import vocabulary

from tenantry_common import relabel

type Labels = frozenset[tuple[str, str]]


class Verdict(NamedTuple):
    """How many pairs of a rule list and a label set were compared, and what came out otherwise."""

    compared: int
    different: int
    examples: tuple[str, ...]


@asynccontextmanager
async def targets(count: int) -> AsyncIterator[str]:
    """Serve the `count` label sets of each case; yield the address."""

    async def metrics(request: web.Request) -> web.Response:
        labels = vocabulary.label_sets(int(request.query["case"]), count)
        return web.Response(text="".join(map(_line, labels)), content_type="text/plain")

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    async with TestServer(app) as server:
        yield f"127.0.0.1:{server.port}"


def scrape_configs(cases: Iterable[int], address: str) -> list[dict[str, Any]]:
    """Return a scrape job for each case."""
    return [
        {
            "job_name": f"case{case}",
            "params": {"case": [str(case)]},
            "static_configs": [{"targets": [address]}],
            "metric_relabel_configs": [
                vocabulary.as_config(rule) for rule in vocabulary.rules_of(case)
            ],
        }
        for case in cases
    ]


async def compare(url: str, cases: Iterable[int], count: int, address: str) -> Verdict:
    """Wait until the Prometheus at `url` has scraped all cases, and compare them."""
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        await _scraped_by_all(session, url)
        stored = await _stored(session, url)
    compared = different = 0
    examples: list[str] = []
    for case in cases:
        wanted = _expected(case, count, address)
        compared += count
        if others := wanted ^ stored[str(case)]:
            different += len(others)
            rules = vocabulary.rules_of(case)
            examples.append(f"case {case}: {rules} differ in {[dict(one) for one in others][:2]}")
    return Verdict(compared, different, tuple(examples))


def _line(labels: dict[str, str]) -> str:
    inner = ",".join(f'{name}="{text}"' for name, text in labels.items() if name != "__name__")
    return f"{labels['__name__']}{{{inner}}} 1\n"


def _expected(case: int, count: int, address: str) -> set[Labels]:
    relabeling = relabel.Relabeling(vocabulary.rules_of(case))
    target = {"job": f"case{case}", "instance": address}
    results = (relabeling.apply({**one, **target}) for one in vocabulary.label_sets(case, count))
    return {frozenset(result.items()) for result in results if result}


async def _stored(session: aiohttp.ClientSession, url: str) -> dict[str, set[Labels]]:
    """Return the series that the server holds, by case."""
    found: defaultdict[str, set[Labels]] = defaultdict(set)
    answer = await session.get(f"{url}/api/v1/series", params={"match[]": '{case!=""}'})
    for labels in (await answer.json())["data"]:
        found[labels["case"]].add(frozenset(labels.items()))
    return found


async def _scraped_by_all(session: aiohttp.ClientSession, url: str) -> None:
    """Wait until every case has been scraped; a scrape that failed would be reported as down."""
    async with asyncio.timeout(120):
        while True:
            answer = await session.get(f"{url}/api/v1/targets")
            found = (await answer.json())["data"]["activeTargets"]
            states = {target["health"]: target["lastError"] for target in found}
            if "down" in states:
                raise AssertionError(states["down"])
            if set(states) == {"up"}:
                return
            await asyncio.sleep(0.2)
