"""How long the ranges are over which a query reads: what it costs beyond its own evaluation time."""

import re

from tenantry_promql.numbers import duration_ms
from tenantry_promql.reader import read
from tenantry_promql.settings import Limits
from tenantry_promql.syntax import Node, Selector, Subquery, children

_DEFAULT_LIMITS = Limits()
_WINDOW = re.compile(r"\[\s*([0-9][0-9a-zA-Z_.]*)\s*[]:]")


def reach(query: str, *, limits: Limits = _DEFAULT_LIMITS) -> float:
    """Return the seconds of the longest row of range selectors and subqueries, one within the other.

    Offsets move a range and do not make it longer. Durations that the query computes count as 0.
    Raises as `rewrite_query` does for what cannot be read.
    """
    return _milliseconds(read(query, limits)) / 1000


def _milliseconds(node: Node) -> int:
    inner = max(map(_milliseconds, children(node)), default=0)
    match node:
        case Selector():
            return _window(node.modifiers) if node.is_range else 0
        case Subquery():
            return _window(node.suffix) + inner
        case _:
            return inner


def _window(text: str) -> int:
    found = _WINDOW.match(text.lstrip())
    return duration_ms(found[1]) if found else 0
