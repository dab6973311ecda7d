"""Selectors outside of queries: the texts of rules, and the matchers of rules as texts."""

import re
from collections.abc import Iterable, Sequence

from tenantry_promql import regexes
from tenantry_promql.errors import PromQLError, RuleError
from tenantry_promql.normalform import TRUE, constraints_of, rule_of
from tenantry_promql.pieces import matcher_text
from tenantry_promql.reader import NEVER_A_NAME, read_selector
from tenantry_promql.syntax import METRIC_NAME, Matcher

_METRIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_NUMBERS = frozenset(("inf", "nan"))
_REPETITION = re.compile(r"\{\d+(,\d*)?\}")


def parse_selector(text: str) -> tuple[Matcher, ...]:
    """Read `{…}`, `name` or `name{…}`; the name becomes a matcher on `__name__`, in the first place.

    Unlike in a query, `{}` and `{x=~".*"}` are accepted: whether a rule may match everything is the
    caller's decision (`matches_everything`). Raises ParseError or Refused.
    """
    selector = read_selector(text, must_select=False)
    if selector.name:
        *matchers, name = selector.matchers
        return (name, *matchers)
    return selector.matchers


def parse_rule(text: str) -> tuple[Matcher, ...]:
    """Read an item of `spec.metrics[]`: a metric name, a selector, or an expression for the name.

    A plain name (colons included) is that metric. Anything with a brace that reads as a selector is
    that selector. Everything else is an RE2 expression over the metric name, anchored at both ends,
    like every expression of Prometheus: `node_.*`. Raises RuleError with a message for the author.
    """
    stripped = text.strip()
    if not stripped:
        raise RuleError("a metric rule must not be empty")
    if _METRIC_NAME.fullmatch(stripped):
        return (Matcher(METRIC_NAME, "=", stripped),)
    problem: PromQLError | None = None
    if "{" in stripped:
        try:
            return parse_selector(stripped)
        except PromQLError as error:
            problem = error
            # RE2 takes a brace that repeats nothing for itself, which no metric name holds: `up{` and
            # `up{job=api}` are selectors gone wrong, not expressions that never match.
            if "{" in _REPETITION.sub("", stripped):
                raise RuleError(f"not a selector: {error}") from error
    try:
        regexes.check_rule(stripped)
    except regexes.BadRegex as error:
        also = f"; nor is it a selector: {problem}" if problem else ""
        raise RuleError(
            f"not a metric name, a selector or a regular expression: {error}{also}"
        ) from error
    return (Matcher(METRIC_NAME, "=~", stripped),)


def format_selector(matchers: Iterable[Matcher]) -> str:
    """Write matchers as a selector, the name before the braces where it can stand there."""
    rest = list(matchers)
    names = [matcher for matcher in rest if matcher.label == METRIC_NAME]
    outside = ""
    if len(names) == 1 and names[0].op == "=" and _may_stand_outside(names[0].value):
        outside = names[0].value
        rest.remove(names[0])
    body = ",".join(map(matcher_text, rest))
    return f"{outside}{{{body}}}" if body or not outside else outside


def _may_stand_outside(name: str) -> bool:
    """Say whether `name{}` reads as a selector: a metric may be called `on` or `inf`."""
    word = name.lower()
    return bool(_METRIC_NAME.fullmatch(name)) and word not in NEVER_A_NAME | _NUMBERS


def matches_everything(matchers: Sequence[Matcher]) -> bool:
    """Say whether every series satisfies the matchers: none, or only ones like `x=~".*"`."""
    return rule_of(constraints_of(matchers).items()) == TRUE
