"""What is asked of the gateway, and the same as it asks Prometheus."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from tests.bench.gateway import estate
from tests.bench.gateway.estate import Running

from tenantry_local.ports import LOOPBACK

type Form = Mapping[str, str]

_DISTINCT = 5000  # more than the rewriter remembers
_POINTS = 3700
_QUERY = 'sum by (code) (rate(http_requests_total{{job=~"{}"{}}}[5m]))'
_TENANT = {"X-Tenant-Namespace": estate.TENANT}
_RULE = f',namespace="{estate.TENANT}"'


@dataclass(frozen=True, kw_only=True)
class Case:
    """One way of asking."""

    name: str
    path: str
    through: Sequence[Form]
    """Parameters, in turn."""
    direct: Sequence[Form]
    """The same as the gateway rewrites them."""
    headers: Mapping[str, str]
    is_new: bool = False
    """Whether nothing is asked twice, so that no rewriting is remembered."""


def small(running: Running) -> Iterator[Case]:
    """Yield queries with small answers, by how the tenant is identified and whether they are new."""
    token = {"Authorization": f"Bearer {running.token}"}
    times = {"time": str(running.end)}
    for jobs, novelty in (
        (["api"], "asked before"),
        ([f"api|{number}" for number in range(_DISTINCT)], "never asked before"),
    ):
        for identity, headers in (("trusted-header", _TENANT), ("jwt", token)):
            yield Case(
                name=f"small, {novelty}, {identity}",
                path="/api/v1/query",
                through=[{"query": _QUERY.format(job, ""), **times} for job in jobs],
                direct=[{"query": _QUERY.format(job, _RULE), **times} for job in jobs],
                headers=headers,
                is_new=len(jobs) > 1,
            )


def large(running: Running, name: str, numbers: str) -> Case:
    """Return a range query over the series with these `numbers`, each 3700 points of 27 bytes.

    Its steps do not stand alone (`@ end()`): it is not kept, but passed on as it comes.
    """
    times = {"start": str(running.start), "end": str(running.start + _POINTS - 1), "step": "1"}
    matcher = f'number=~"{numbers}"'
    return Case(
        name=name,
        path="/api/v1/query_range",
        through=[{"query": f"large{{{matcher}}} @ end()", **times}],
        direct=[{"query": f"large{{{matcher}{_RULE}}} @ end()", **times}],
        headers=_TENANT,
    )


def requests(path: str, forms: Sequence[Form], headers: Mapping[str, str]) -> list[bytes]:
    """Return complete HTTP requests."""
    fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    found = []
    for form in forms:
        body = urlencode(form)
        found.append(
            f"POST {path} HTTP/1.1\r\nHost: {LOOPBACK}\r\n{fields}"
            "Content-Type: application/x-www-form-urlencoded\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
        )
    return found
