"""A query -> the query that, asked of all series, answers as the original would on permitted ones.

This module is what a caller needs; `contexts` holds the rules of the rewriting.
"""

from typing import NamedTuple

from tenantry_promql import dots, doubtful
from tenantry_promql.cache import BoundedCache
from tenantry_promql.contexts import Rewriter
from tenantry_promql.errors import Refused
from tenantry_promql.pieces import NOTHING_TEXT, RESERVED_PREFIX
from tenantry_promql.reader import read, read_selector
from tenantry_promql.rules import RuleSet
from tenantry_promql.selectors import format_selector
from tenantry_promql.settings import Limits, Upstream
from tenantry_promql.splitter import Splitter
from tenantry_promql.syntax import Node

_CACHED_QUERIES = 8192
_CACHED_CHARACTERS = 32 * 1024 * 1024
_DEFAULT_UPSTREAM = Upstream.strictest()
_DEFAULT_LIMITS = Limits()


class Rewritten(NamedTuple):
    """What to send upstream instead of a query."""

    queries: tuple[str, ...]
    """One query; or several for a range selector at the top level. Those are to be asked at one and
    the same explicit time, and their series united by full label set."""
    unchanged: bool
    """Whether every selector was inside the rules already. Whitespace and comments may differ still."""

    @property
    def query(self) -> str:
        """The only query. Raises ValueError when there are several, which must not be forgotten."""
        (query,) = self.queries
        return query


_cache: BoundedCache[tuple[str, str, Upstream, Limits], Rewritten] = BoundedCache(
    _CACHED_QUERIES, _CACHED_CHARACTERS
)


def rewrite_query(
    query: str,
    rules: RuleSet,
    *,
    upstream: Upstream = _DEFAULT_UPSTREAM,
    limits: Limits = _DEFAULT_LIMITS,
) -> Rewritten:
    """Rewrite a query so that it sees exactly the permitted series.

    The answer to the result equals the answer that `query` would get from a Prometheus that holds only
    the permitted series, up to the order of series in storage. Results are remembered.

    Raises ParseError where Prometheus would; Refused, or its subclass LimitExceeded, for a query
    that cannot be answered exactly. Both messages are for the tenant.
    """
    key = (query, rules.digest, upstream, limits)
    known = _cache.get(key)
    if known is None:
        tree = _read(query, rules, limits, upstream)
        rewriter = Rewriter(rules, upstream, limits)
        queries = rewriter.queries(tree)
        known = Rewritten(queries, unchanged=not rewriter.splitter.restricted)
        _cache.put(key, known, len(query) + sum(map(len, queries)))
    return known


def forget() -> None:
    """Drop all remembered results; for tests and benchmarks."""
    _cache.clear()


def _read(query: str, rules: RuleSet, limits: Limits, upstream: Upstream) -> Node:
    """Read a query. One who may see everything may be a gateway that has rewritten it already."""
    if rules.permits_everything:
        return read(query, limits, experimental=upstream.experimental_functions)
    return read_permitted(query, limits, upstream)


def read_permitted(query: str, limits: Limits, upstream: Upstream) -> Node:
    """Read a query and refuse what is not answered whatever the rules are."""
    if RESERVED_PREFIX in query:
        raise Refused(
            f"A query that mentions a label starting with {RESERVED_PREFIX}",
            "these labels are used for the rewriting",
            "use another label",
        )
    return read(query, limits, experimental=upstream.experimental_functions)


def rewrite_match(
    selector: str,
    rules: RuleSet,
    *,
    upstream: Upstream = _DEFAULT_UPSTREAM,
    limits: Limits = _DEFAULT_LIMITS,
) -> tuple[str, ...]:
    """Rewrite one `match[]` into several, of which Prometheus answers the union.

    There is always at least one, since no `match[]` at all would mean everything: a selector of
    nothing where nothing is permitted. Raises as `rewrite_query` does.
    """
    if RESERVED_PREFIX in selector:
        _read(selector, rules, limits, upstream)
    tree = read_selector(selector, limits)
    splitter = Splitter(rules, upstream, limits)
    return tuple(splitter.texts(tree, splitter.split(tree).injected))


def selectors_without_match(
    rules: RuleSet, *, upstream: Upstream = _DEFAULT_UPSTREAM
) -> tuple[str, ...]:
    """Return the `match[]` to send where a request has none: the rules, or a selector of nothing."""
    if rules.is_empty:
        return (f"{{{NOTHING_TEXT}}}",)
    worded = doubtful.worded if upstream.major >= 3 else dots.worded
    return tuple(format_selector(map(worded, selector)) for selector in rules.selectors())
