"""Whether a range query may be answered in pieces: each step must stand alone; pure."""

import re
from functools import lru_cache

from tenantry_promql.errors import PromQLError
from tenantry_promql.functions import Reading
from tenantry_promql.reader import read
from tenantry_promql.settings import Limits
from tenantry_promql.syntax import (
    METRIC_NAME,
    Aggregation,
    Call,
    Chain,
    Node,
    Operator,
    Selector,
    Subquery,
    children,
)

_OF_THE_RANGE = frozenset(("start", "end", "range"))
_RELABELLING = frozenset(("label_replace", "label_join"))
_UNORDERED = frozenset(("limitk", "limit_ratio"))
_WHOLE_RANGE = frozenset((Reading.RANGE, Reading.RANGE_KEEPING_NAME))
_ELSEWHEN = re.compile(r"[@(]|offset\s*-|smoothed", re.IGNORECASE)
"""In modifiers: a time of its own, start() and end(), durations that are computed, and the future
(`smoothed` looks for the next sample).
"""
_REMEMBERED_CHARACTERS = 4096


def is_eligible(query: str, limits: Limits) -> bool:
    """Return whether the answer over a range is the answers over its parts, one after the other.

    Not where an expression knows where the range begins or ends. Not where a step reads samples that are
    younger than itself: a settled step could still change. Not where Prometheus compares the labels of
    results over the whole range, and reports those that become equal: in parts, they could stay apart.
    And not where any of several answers will do, so that two parts may differ.
    """
    judge = _judged if len(query) <= _REMEMBERED_CHARACTERS else _judged.__wrapped__
    return judge(query, limits)


@lru_cache(maxsize=2048)
def _judged(query: str, limits: Limits) -> bool:
    try:
        return _is_eligible(read(query, limits))
    except PromQLError:
        return False


def _is_eligible(node: Node) -> bool:
    match node:
        case Selector():
            own = not _ELSEWHEN.search(node.modifiers)
        case Subquery():
            own = not _ELSEWHEN.search(node.suffix)
        case Aggregation():
            own = node.op.lower() not in _UNORDERED
        case Call():
            own = _is_eligible_call(node)
        case Chain():
            signs = any(isinstance(part, Operator) and part.is_unary for part in node.parts)
            own = not signs or _has_one_name(node)
        case _:
            own = True
    return own and all(map(_is_eligible, children(node)))


def _is_eligible_call(node: Call) -> bool:
    function = node.function
    if function.name in _OF_THE_RANGE or function.name in _RELABELLING:
        return False
    if function.reading is Reading.INFO:
        return False
    return function.reading not in _WHOLE_RANGE or _has_one_name(node)


def _has_one_name(node: Node) -> bool:
    """Say whether every selector below names its metric."""
    if isinstance(node, Selector):
        return any(
            one.label == METRIC_NAME and one.op == "=" and one.value for one in node.matchers
        )
    return all(map(_has_one_name, children(node)))
