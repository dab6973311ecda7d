"""Relabelling compared with a real Prometheus that scrapes with the same rules.

Rule sets are drawn from a small vocabulary, so that rules meet labels that other rules made. Left
out is where Prometheus 2 and 3 differ: names that are no classic names, newlines, and the order in
which `labelmap` meets labels.
"""

import asyncio
import random
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from tenantry_common import relabel
from tenantry_common.contracts import RelabelRule
from tenantry_local.prometheus import Prometheus
from tenantry_local.testing import Factory

SERIES = (
    {"__name__": "m", "a": "foo", "b": "bar"},
    {"__name__": "m", "a": "bar", "b": "bar", "c": "x-1"},
    {"__name__": "n", "a": "Straße", "c": "É.ü"},
    {"__name__": "n"},
)
NAMES = ("a", "b", "c", "none", "__tmp_x", "job")
REGEXES = (
    "(.*)",
    "",
    "f(o+)",
    "(?i:FOO)|bar",
    "(.+);(.*)",
    "(?P<first>.).*",
    "[a-c]",
    r"\w+",
    ".+",
)
REPLACEMENTS = ("$1", "", "v", "${1}_$2", "$$x$", "${first}$1")
CASES = 60


def draw(rng: random.Random) -> RelabelRule:
    """Return one rule that Prometheus accepts and that keeps label names classic."""
    action = rng.choice(sorted(set(RULES)))
    return RULES[action](rng)


def sources(rng: random.Random) -> tuple[str, ...]:
    return tuple(rng.sample(NAMES, rng.randint(0, 2)))


RULES = {
    "replace": lambda rng: RelabelRule(
        source_labels=sources(rng),
        separator=rng.choice((";", "", "-")),
        regex=rng.choice(REGEXES),
        target_label=rng.choice(NAMES),
        replacement=rng.choice(REPLACEMENTS),
    ),
    "replace with a drawn target": lambda rng: RelabelRule(
        source_labels=("b",), regex="([a-z]*)", target_label="t_${1}", replacement="$1x"
    ),
    "keep": lambda rng: RelabelRule(source_labels=sources(rng), regex=".*", action="keep"),
    "drop": lambda rng: RelabelRule(
        source_labels=sources(rng), regex=rng.choice(("x.*", "bar;?", "(?i)é.*")), action="drop"
    ),
    "keepequal": lambda rng: RelabelRule(
        source_labels=("none",), target_label=rng.choice(("none", "c")), action="keepequal"
    ),
    "dropequal": lambda rng: RelabelRule(
        source_labels=("a",), target_label=rng.choice(("a", "b")), action="dropequal"
    ),
    "hashmod": lambda rng: RelabelRule(
        source_labels=sources(rng),
        target_label="h",
        modulus=rng.choice((7, 1 << 40)),
        action="hashmod",
    ),
    "labelmap": lambda rng: RelabelRule(
        regex="([abh])", replacement=rng.choice(("x_$1", "${1}_y")), action="labelmap"
    ),
    "labeldrop": lambda rng: RelabelRule(regex=rng.choice(("[ab]", "__tmp.*")), action="labeldrop"),
    "labelkeep": lambda rng: RelabelRule(regex="__name__|[a-c]|job|.*_.*", action="labelkeep"),
    "lowercase": lambda rng: RelabelRule(
        source_labels=sources(rng), target_label=rng.choice(NAMES), action="lowercase"
    ),
    "uppercase": lambda rng: RelabelRule(
        source_labels=sources(rng), target_label=rng.choice(NAMES), action="uppercase"
    ),
}


def rules_of(case: int) -> tuple[RelabelRule, ...]:
    """Return the rules of a case; the last one names the case, so that its series can be found."""
    rng = random.Random(case)  # noqa: S311  # the same rules in every run
    drawn = (draw(rng) for _ in range(rng.randint(1, 4)))
    return (*drawn, RelabelRule(target_label="case", replacement=str(case)))


def as_config(rule: RelabelRule) -> dict[str, Any]:
    config = {
        "source_labels": list(rule.source_labels) or None,
        "separator": rule.separator,
        "regex": rule.regex,
        "modulus": rule.modulus,
        "target_label": rule.target_label,
        "replacement": rule.replacement,
        "action": rule.action,
    }
    defaults = RelabelRule()
    return {k: v for k, v in config.items() if v and v != getattr(defaults, k)} | {
        k: v for k, v in config.items() if v == "" and getattr(defaults, k)
    }


def expected(case: int, instance: str) -> set[frozenset[tuple[str, str]]]:
    relabeling = relabel.Relabeling(rules_of(case))
    scraped = ({**labels, "job": f"case{case}", "instance": instance} for labels in SERIES)
    results = (relabeling.apply(labels) for labels in scraped)
    return {frozenset(result.items()) for result in results if result}


async def series(url: str, selector: str) -> set[frozenset[tuple[str, str]]]:
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        answer = await session.get(f"{url}/api/v1/query", params={"query": selector})
        body = await answer.json()
    return {frozenset(one["metric"].items()) for one in body["data"]["result"]}


async def scraped_by_all(url: str) -> None:
    """Wait until every case has been scraped; a scrape that failed would be reported as down."""
    async with asyncio.timeout(30), aiohttp.ClientSession(raise_for_status=True) as session:
        while True:
            body = await (await session.get(f"{url}/api/v1/targets")).json()
            states = {
                target["health"]: target["lastError"] for target in body["data"]["activeTargets"]
            }
            assert "down" not in states, states
            if set(states) == {"up"}:
                return
            await asyncio.sleep(0.05)


async def test_relabelling_equals_prometheus(prometheus_factory: Factory[Prometheus]) -> None:
    lines = (
        labels["__name__"]
        + "{"
        + ",".join(f'{k}="{v}"' for k, v in labels.items() if k != "__name__")
        + "} 1\n"
        for labels in SERIES
    )
    page = "".join(lines)
    app = web.Application()

    async def respond(_: web.Request) -> web.Response:
        return web.Response(text=page, content_type="text/plain")

    app.router.add_get("/metrics", respond)
    async with TestServer(app) as server:
        instance = f"127.0.0.1:{server.port}"
        prometheus = await prometheus_factory(
            scrape_interval="1s",
            scrape_configs=[
                {
                    "job_name": f"case{case}",
                    "static_configs": [{"targets": [instance]}],
                    "metric_relabel_configs": [as_config(rule) for rule in rules_of(case)],
                }
                for case in range(CASES)
            ],
        )
        await scraped_by_all(prometheus.url)
        found = {c: await series(prometheus.url, f'{{case="{c}"}}') for c in range(CASES)}

    assert found == {case: expected(case, instance) for case in range(CASES)}
    assert {rule.action for case in range(CASES) for rule in rules_of(case)} == set(relabel.ACTIONS)
