"""How a query would be rewritten and why, as data: for the tenant whose rules these are.

Unlike error messages, explanations name rules and injected matchers.
"""

from dataclasses import dataclass
from enum import StrEnum

from tenantry_promql.contexts import Rewriter
from tenantry_promql.errors import Position, Refused, position_at
from tenantry_promql.lexer import spans
from tenantry_promql.pieces import Pieces
from tenantry_promql.rewrite import read_permitted
from tenantry_promql.rules import RuleSet
from tenantry_promql.selectors import format_selector
from tenantry_promql.settings import Limits, Upstream
from tenantry_promql.splitter import Splitter
from tenantry_promql.syntax import Selector, selectors


class Outcome(StrEnum):
    """What becomes of one selector."""

    PERMITTED = "permitted"
    """Everything it selects is permitted; it is sent as it is."""
    RESTRICTED = "restricted"
    """Matchers are added to it."""
    SPLIT = "split"
    """It is replaced by the union of several restricted ones."""
    EMPTY = "empty"
    """Nothing it selects is permitted; it is replaced by a selector of nothing."""
    REFUSED = "refused"
    """It cannot be restricted exactly."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """A rule that has nothing in common with a selector."""

    rule: str
    labels: tuple[str, ...]
    """The labels of which the two demand different values."""


@dataclass(frozen=True, slots=True)
class SelectorExplanation:
    """What becomes of one selector of the query."""

    position: Position
    text: str
    outcome: Outcome
    admitted_by: tuple[str, ...]
    """The rules, written as selectors, that permit some of what it selects."""
    injected: tuple[str, ...]
    """The matchers added to it; one text per part when it is split."""
    conflicts: tuple[Conflict, ...]
    """When it is empty: why, rule by rule."""
    reason: str
    """When it is refused: the message that the tenant gets."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What becomes of a query."""

    query: str
    rewritten: tuple[str, ...]
    """What is sent upstream; empty when the query is refused."""
    refusal: str
    """The message that the tenant gets, or ""."""
    selectors: tuple[SelectorExplanation, ...]


def explain_query(
    query: str,
    rules: RuleSet,
    *,
    upstream: Upstream | None = None,
    limits: Limits | None = None,
) -> Explanation:
    """Explain what `rewrite_query` does with the same arguments.

    A refusal is part of the explanation. Raises ParseError for what is no PromQL, and Refused for what
    is not even read: there is nothing to explain about either.
    """
    upstream, limits = upstream or Upstream.strictest(), limits or Limits()
    tree = read_permitted(query, limits, upstream)
    rewriter = Rewriter(rules, upstream, limits)
    rewritten: tuple[str, ...] = ()
    refusal = ""
    try:
        rewritten = rewriter.queries(tree)
    except Refused as error:
        refusal = str(error)
    tokens = spans(query)
    explained = tuple(
        _explain(selector, query, tokens, rules, Splitter(rules, upstream, limits))
        for selector in selectors(tree)
    )
    return Explanation(query, rewritten, refusal, explained)


def _explain(
    selector: Selector,
    query: str,
    tokens: list[tuple[int, int]],
    rules: RuleSet,
    splitter: Splitter,
) -> SelectorExplanation:
    injected: tuple[str, ...] = ()
    reason = ""
    try:
        pieces = splitter.split(selector)
        outcome = _outcome(pieces)
        injected = tuple(filter(None, pieces.injected))
    except Refused as error:
        outcome, reason = Outcome.REFUSED, str(error)
    start, end = tokens[selector.start][0], tokens[selector.end][1]
    admitting, conflicting = rules.compared_with(selector.matchers)
    return SelectorExplanation(
        position=position_at(query, start),
        text=query[start:end],
        outcome=outcome,
        admitted_by=tuple(map(format_selector, admitting)),
        injected=injected,
        conflicts=tuple(
            Conflict(format_selector(rule), labels)
            for rule, labels in conflicting
            if outcome is Outcome.EMPTY
        ),
        reason=reason,
    )


def _outcome(pieces: Pieces) -> Outcome:
    if pieces.is_unrestricted:
        return Outcome.PERMITTED
    match len(pieces.rules):
        case 0:
            return Outcome.EMPTY
        case 1:
            return Outcome.RESTRICTED
        case _:
            return Outcome.SPLIT
