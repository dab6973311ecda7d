"""Rewrite PromQL so that it sees only permitted series.

    rules = RuleSet([parse_rule("node_.*"), parse_rule('up{namespace="shop"}')])
    rewrite_query("sum(rate(http_requests_total[5m]))", rules).queries

`rewrite_query` is for `/query`, `/query_range` and `/query_exemplars`, `rewrite_match` and
`selectors_without_match` for every endpoint with `match[]`, `RuleSet.contains` for rules and alerts, `explain_query` for people.
Everything is a pure function of its arguments; results are remembered.
"""

from tenantry_promql.anatomy import Anatomy, anatomy
from tenantry_promql.errors import (
    LimitExceeded,
    ParseError,
    Position,
    PromQLError,
    Refused,
    RuleError,
)
from tenantry_promql.explain import (
    Conflict,
    Explanation,
    Outcome,
    SelectorExplanation,
    explain_query,
)
from tenantry_promql.formatting import format_query
from tenantry_promql.parse_tree import parse_tree
from tenantry_promql.reach import reach
from tenantry_promql.rewrite import (
    Rewritten,
    rewrite_match,
    rewrite_query,
    selectors_without_match,
)
from tenantry_promql.rules import RuleSet, selector_of_rule
from tenantry_promql.selectors import (
    format_selector,
    matches_everything,
    parse_rule,
    parse_selector,
)
from tenantry_promql.settings import Limits, Upstream
from tenantry_promql.syntax import Matcher

__all__ = [
    "Anatomy",
    "Conflict",
    "Explanation",
    "LimitExceeded",
    "Limits",
    "Matcher",
    "Outcome",
    "ParseError",
    "Position",
    "PromQLError",
    "Refused",
    "Rewritten",
    "RuleError",
    "RuleSet",
    "SelectorExplanation",
    "Upstream",
    "anatomy",
    "explain_query",
    "format_query",
    "format_selector",
    "matches_everything",
    "parse_rule",
    "parse_selector",
    "parse_tree",
    "reach",
    "rewrite_match",
    "rewrite_query",
    "selector_of_rule",
    "selectors_without_match",
]
