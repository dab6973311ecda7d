"""The closed list of what tenants may ask. What is not here is answered 404.

An endpoint is data: how it is reached, which of its parameters hold PromQL, which go upstream as
they are, and what is done with the answer. A parameter that an endpoint does not name is dropped.
Every endpoint is also reached below `/tenants/{tenant}`.
"""

import functools
from dataclasses import dataclass
from typing import Literal, get_args

NAMESPACE = "namespace"
"""The parameter that may name the tenant; it never goes upstream."""

LIMIT = "limit"
LIMIT_PER_METRIC = "limit_per_metric"
LABEL = "label"
MATCH = "match[]"
MATCH_TARGET = "match_target"
METRIC = "metric"
PARTIAL = "partial"
"""Ours: `true` takes an answer without the shards that do not answer."""
QUERY = "query"
TIME = "time"
TIMEOUT = "timeout"

type Passed = Literal["stream", "federation", "search", "remote read"]
"""Passed on as it comes, checked on the way where it holds labels as they are stored."""
type Whole = Literal["series", "label names", "label values", "exemplars"]
"""Read as a whole, and every item checked against the rules."""
type Filtered = Literal["metadata", "targets metadata", "rules", "alerts"]
"""Not asked for by selectors: read as a whole, and cut down to what the rules admit."""
type Local = Literal[
    "formatted query",
    "parsed query",
    "build info",
    "runtime info",
    "features",
    "access",
    "explanation",
    "description",
]
"""Answered without a backend."""
type Answer = Passed | Whole | Filtered | Local

LOCAL: frozenset[Answer] = frozenset(get_args(Local.__value__))
"""All of these."""

FILTERED: frozenset[Answer] = frozenset(get_args(Filtered.__value__))
"""All that are not asked for by selectors."""

type Selectors = Literal["none", "optional", "required", "given"]
"""Whether `match[]` holds selectors. Where they are optional and absent, the rules are sent; where
what is given counts, nothing is selected."""

_GET = frozenset({"GET"})
_POST = frozenset({"POST"})
_GET_POST = _GET | _POST


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """One row of the list."""

    name: str
    """For metrics and logs."""
    path: str
    """On the tenants' port, in the words of aiohttp's router."""
    summary: str
    """For people: what it answers."""
    answer: Answer
    upstream: str = ""
    """The same on a backend, a constant: never the path of the request. `{name}` is a label. Empty
    where no backend is asked."""
    methods: frozenset[str] = _GET
    upstream_method: Literal["GET", "POST"] = "GET"
    since: int = 2
    """The first major version of Prometheus that has it."""
    takes_query: bool = False
    """Whether the parameter `query` holds an expression, without which it makes no sense."""
    selectors: Selectors = "none"
    passed: frozenset[str] = frozenset()
    """Single-valued parameters that go upstream with the tenant's value."""
    passed_several: frozenset[str] = frozenset()
    """The same that may occur several times."""
    kept: frozenset[str] = frozenset()
    """Single-valued parameters that the gateway applies to the answer itself."""
    kept_several: frozenset[str] = frozenset()
    """The same that may occur several times."""

    @property
    def routes(self) -> tuple[tuple[str, str], ...]:
        """The ways to it, each with its name; what follows the last dot there is the endpoint's."""
        return (
            (self.name, self.path),
            (f"of_tenant.{self.name}", f"/tenants/{{tenant}}{self.path}"),
        )

    @functools.cached_property
    def single(self) -> frozenset[str]:
        """Every parameter that may occur once."""
        query = {QUERY} if self.takes_query else set[str]()
        return self.passed | self.kept | query | {NAMESPACE}

    @functools.cached_property
    def several(self) -> frozenset[str]:
        """Every parameter that may occur several times, apart from selectors of series."""
        return self.passed_several | self.kept_several

    @property
    def takes_message(self) -> bool:
        """Whether the body is a protocol buffer instead of a form."""
        return self.answer == "remote read"


_SEARCH = frozenset(
    {
        "start",
        "end",
        "fuzz_threshold",
        "fuzz_alg",
        "case_sensitive",
        "include_score",
        "sort_by",
        "sort_dir",
        LIMIT,
        "batch_size",
    }
)


def _search(what: str, summary: str, *more: str) -> Endpoint:
    path = f"/api/v1/search/{what}"
    return Endpoint(
        name=f"search_{what}",
        path=path,
        summary=summary,
        answer="search",
        upstream=path,
        methods=_GET_POST,
        upstream_method="POST",
        since=3,
        selectors="optional",
        # Unlike elsewhere the limit goes upstream: the backend merges sorted sets and cuts after.
        passed=_SEARCH.union(more),
        passed_several=frozenset({"search[]"}),
    )


# `stats` is dropped on purpose: the backend would count the series of overlapping pieces twice.
ENDPOINTS = (
    Endpoint(
        name="query",
        path="/api/v1/query",
        summary="Evaluate an expression at one time.",
        answer="stream",
        upstream="/api/v1/query",
        methods=_GET_POST,
        upstream_method="POST",
        takes_query=True,
        passed=frozenset({TIME, TIMEOUT, "lookback_delta", LIMIT}),
        kept=frozenset({PARTIAL}),
    ),
    Endpoint(
        name="query_range",
        path="/api/v1/query_range",
        summary="Evaluate an expression over a range of time.",
        answer="stream",
        upstream="/api/v1/query_range",
        methods=_GET_POST,
        upstream_method="POST",
        takes_query=True,
        passed=frozenset({"start", "end", "step", TIMEOUT, "lookback_delta", LIMIT}),
        kept=frozenset({PARTIAL}),
    ),
    Endpoint(
        name="query_exemplars",
        path="/api/v1/query_exemplars",
        summary="Exemplars of the series that an expression reads.",
        answer="exemplars",
        upstream="/api/v1/query_exemplars",
        methods=_GET_POST,
        upstream_method="POST",
        takes_query=True,
        passed=frozenset({"start", "end"}),
    ),
    Endpoint(
        name="series",
        path="/api/v1/series",
        summary="The series that selectors select.",
        answer="series",
        upstream="/api/v1/series",
        methods=_GET_POST,
        upstream_method="POST",
        selectors="required",
        passed=frozenset({"start", "end"}),
        kept=frozenset({LIMIT, PARTIAL}),
    ),
    Endpoint(
        name="labels",
        path="/api/v1/labels",
        summary="The names of labels.",
        answer="label names",
        upstream="/api/v1/labels",
        methods=_GET_POST,
        upstream_method="POST",
        selectors="optional",
        passed=frozenset({"start", "end"}),
        kept=frozenset({LIMIT, PARTIAL}),
    ),
    Endpoint(
        name="label_values",
        path="/api/v1/label/{name}/values",
        summary="The values of one label.",
        answer="label values",
        upstream="/api/v1/label/{name}/values",
        # GET only, also upstream: Prometheus has no POST here.
        selectors="optional",
        passed=frozenset({"start", "end"}),
        kept=frozenset({LIMIT, PARTIAL}),
    ),
    Endpoint(
        name="metadata",
        path="/api/v1/metadata",
        summary="Type, help and unit of metrics.",
        answer="metadata",
        upstream="/api/v1/metadata",
        passed=frozenset({METRIC}),
        kept=frozenset({LIMIT, LIMIT_PER_METRIC}),
    ),
    Endpoint(
        name="targets_metadata",
        path="/api/v1/targets/metadata",
        summary="Type, help and unit of metrics, by target.",
        answer="targets metadata",
        upstream="/api/v1/targets/metadata",
        passed=frozenset({METRIC}),
        kept=frozenset({LIMIT, MATCH_TARGET}),
    ),
    Endpoint(
        name="rules",
        path="/api/v1/rules",
        summary="The rules that read nothing but permitted series.",
        answer="rules",
        upstream="/api/v1/rules",
        kept=frozenset({"type", "exclude_alerts", "group_limit", "group_next_token"}),
        kept_several=frozenset({"rule_name[]", "rule_group[]", "file[]", MATCH}),
    ),
    Endpoint(
        name="alerts",
        path="/api/v1/alerts",
        summary="Pending and firing alerts.",
        answer="alerts",
        upstream="/api/v1/rules",
    ),
    Endpoint(
        name="federate",
        path="/federate",
        summary="The newest sample of each selected series, for a scrape.",
        answer="federation",
        upstream="/federate",
        selectors="given",
    ),
    Endpoint(
        name="read",
        path="/api/v1/read",
        summary="Remote read.",
        answer="remote read",
        upstream="/api/v1/read",
        methods=_POST,
        upstream_method="POST",
    ),
    _search("metric_names", "Search the names of metrics.", "include_metadata"),
    _search("label_names", "Search the names of labels."),
    _search("label_values", "Search the values of one label.", LABEL),
    Endpoint(
        name="format_query",
        path="/api/v1/format_query",
        summary="An expression in one canonical spacing.",
        answer="formatted query",
        methods=_GET_POST,
        takes_query=True,
    ),
    Endpoint(
        name="parse_query",
        path="/api/v1/parse_query",
        summary="An expression as a tree.",
        answer="parsed query",
        methods=_GET_POST,
        takes_query=True,
    ),
    Endpoint(
        name="buildinfo",
        path="/api/v1/status/buildinfo",
        summary="The version of Prometheus that queries may count on.",
        answer="build info",
    ),
    Endpoint(
        name="runtimeinfo",
        path="/api/v1/status/runtimeinfo",
        summary="Since when the gateway runs, and nothing else.",
        answer="runtime info",
    ),
    Endpoint(
        name="features",
        path="/api/v1/features",
        summary="What this API can do.",
        answer="features",
    ),
    Endpoint(
        name="tenant_access",
        path="/api/v1/tenant/access",
        summary="The selectors that the tenant holds.",
        answer="access",
    ),
    Endpoint(
        name="tenant_explain",
        path="/api/v1/tenant/explain",
        summary="How an expression would be rewritten, and why.",
        answer="explanation",
        methods=_POST,
        takes_query=True,
    ),
    Endpoint(
        name="tenant_openapi",
        path="/api/v1/tenant/openapi.json",
        summary="This API as an OpenAPI description.",
        answer="description",
    ),
)
