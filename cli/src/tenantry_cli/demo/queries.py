"""The proof of exact queries: each asked by a tenant through the gateway, and directly.

The direct form is restricted by hand, so that the proof does not rest on the rewriting it proves.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp

from tenantry_cli.demo.line import Line

_PART = "query"
_WINDOW_SECONDS = 8
_STEP_SECONDS = 2


@dataclass(frozen=True)
class Equals:
    """The answer is that of another query, asked of the shared Prometheus itself."""

    query: str


@dataclass(frozen=True)
class Empty:
    """The answer is well formed and holds nothing."""


@dataclass(frozen=True)
class Refused:
    """The request is refused with this status."""

    status: int


@dataclass(frozen=True)
class Ask:
    """One request: who asks what, and what must come back."""

    tenant: str
    query: str
    expect: Equals | Empty | Refused
    claim: str
    path: str = "query"


WEB = 'namespace="team-web"'
ASKS: Sequence[Ask] = (
    Ask(
        "team-web",
        "http_requests_total",
        Equals(f"http_requests_total{{{WEB}}}"),
        "a name that three teams share: own series only",
    ),
    Ask(
        "team-web",
        "sum by (code) (http_requests_total)",
        Equals(f"sum by (code) (http_requests_total{{{WEB}}})"),
        "a sum leaves forbidden series out",
    ),
    Ask(
        "team-web",
        "sum(rate(http_requests_total[6s]))",
        Equals(f"sum(rate(http_requests_total{{{WEB}}}[6s]))"),
        "a rate over time, as a graph asks for it",
        path="query_range",
    ),
    Ask(
        "team-web",
        "histogram_quantile(0.9, sum by (le) (rate(http_request_duration_seconds_bucket[6s])))",
        Equals(
            "histogram_quantile(0.9, sum by (le) "
            f"(rate(http_request_duration_seconds_bucket{{{WEB}}}[6s])))"
        ),
        "a quantile from classic buckets",
    ),
    Ask(
        "team-web",
        'count by (namespace) (http_requests_total{namespace=~".+"})',
        Equals(f"count by (namespace) (http_requests_total{{{WEB}}})"),
        "asking for every namespace shows one",
    ),
    Ask("team-web", "vault_secrets_total", Empty(), "another team's metric is empty"),
    Ask("team-web", "sum(vault_secrets_total)", Empty(), "so is an aggregation over it"),
    Ask(
        "team-web",
        "absent(vault_secrets_total)",
        Equals("absent(nobody_exposes_this)"),
        "and it counts as absent",
    ),
    Ask(
        "team-batch",
        "sum by (namespace) (queue_depth)",
        Equals('sum by (namespace) (queue_depth{namespace="team-batch"})'),
        "metricIsolation keeps the other tenant to its namespace",
    ),
    Ask(
        "platform",
        "count by (namespace) (http_requests_total)",
        Equals("count by (namespace) (http_requests_total)"),
        "allowAll sees what is there",
    ),
    Ask(
        "team-web",
        'rate({namespace="team-web"}[6s])',
        Refused(422),
        "what could not be answered exactly is refused, and why is said",
    ),
    Ask("team-web", "sum(", Refused(400), "a query that does not parse"),
    Ask("", "up", Refused(401), "no tenant"),
    Ask("team-nobody", "up", Refused(403), "an unknown tenant"),
)


async def prove(
    session: aiohttp.ClientSession,
    gateway: str,
    infra: Sequence[str],
    at: float,
    asks: Sequence[Ask] = ASKS,
) -> list[Line]:
    """Ask everything at the instant `at` (seconds), and compare."""
    return [await _prove(session, gateway, infra, at, ask) for ask in asks]


async def _prove(
    session: aiohttp.ClientSession, gateway: str, infra: Sequence[str], at: float, ask: Ask
) -> Line:
    claim = f"{ask.tenant or 'nobody'}: {ask.query}\n[dim]{ask.claim}[/dim]"
    status, answer = await _get(session, gateway, ask, ask.query, at)
    match ask.expect:
        case Refused(wanted):
            said = str(answer.get("error", ""))[:150]
            return Line(
                _PART, claim, f"{status} {answer.get('errorType')}: {said}", status == wanted
            )
        case Empty():
            found = result(answer)
            return Line(_PART, claim, f"{len(found)} series", (status, found) == (200, []))
        case Equals(direct):
            answers = [result((await _get(session, url, ask, direct, at))[1]) for url in infra]
            found = result(answer)
            return Line(
                _PART,
                claim,
                f"{len(found)} series, equal" if found in answers else f"differs: {answer}"[:200],
                status == 200 and bool(found) and found in answers,
            )


async def _get(
    session: aiohttp.ClientSession, base: str, ask: Ask, query: str, at: float
) -> tuple[int, dict[str, Any]]:
    parameters: dict[str, str] = {"query": query}
    if ask.path == "query_range":
        parameters |= {
            "start": f"{at - _WINDOW_SECONDS:.3f}",
            "end": f"{at:.3f}",
            "step": str(_STEP_SECONDS),
        }
    else:
        parameters["time"] = f"{at:.3f}"
    headers = {"X-Tenant-Namespace": ask.tenant} if ask.tenant else {}
    async with session.get(
        f"{base}/api/v1/{ask.path}", params=parameters, headers=headers
    ) as response:
        return response.status, json.loads(await response.read())


def result(answer: Mapping[str, Any]) -> list[Any]:
    """Return the series of an answer in an order of their own, so that answers compare."""
    series = answer.get("data", {}).get("result", [])
    return sorted(series, key=lambda one: json.dumps(one["metric"], sort_keys=True))


async def count(
    session: aiohttp.ClientSession, gateway: str, tenant: str, query: str, at: float | None = None
) -> int:
    """Return how many series a tenant gets for `query`, at the instant `at` or now."""
    headers = {"X-Tenant-Namespace": tenant}
    parameters = {"query": query} | ({"time": f"{at:.3f}"} if at else {})
    async with session.get(
        f"{gateway}/api/v1/query", params=parameters, headers=headers
    ) as response:
        return len(result(json.loads(await response.read())))
