"""What kind of query it is, for those who treat some kinds in their own way."""

from collections.abc import Iterator
from dataclasses import dataclass

from tenantry_promql.functions import Reading
from tenantry_promql.reader import read
from tenantry_promql.settings import Limits
from tenantry_promql.syntax import (
    Aggregation,
    Call,
    Chain,
    Node,
    NumberLiteral,
    Operator,
    Paren,
    Selector,
    StringLiteral,
    Subquery,
    children,
)

_DEFAULT_LIMITS = Limits()
_CHOOSING_AGGREGATIONS = frozenset(("topk", "bottomk", "limitk", "limit_ratio"))
_CHOOSING_FUNCTIONS = frozenset(
    (
        "sort",
        "sort_desc",
        "sort_by_label",
        "sort_by_label_desc",
        "last_over_time",
        "first_over_time",
    )
)
_SETS = frozenset(("and", "or", "unless"))
_COMPARISONS = frozenset(("==", "!=", "<", ">", "<=", ">="))


@dataclass(frozen=True, slots=True)
class Anatomy:
    """What is true of a query whatever the rules are."""

    keeps_labels: bool
    """Whether its answer carries the labels of series as they are stored: it only chooses among them."""
    reads_series: bool
    """Whether it reads any."""
    reads_info: bool
    """Whether info() occurs in it, which reads series that no selector names."""


def anatomy(query: str, *, limits: Limits = _DEFAULT_LIMITS) -> Anatomy:
    """Return what kind of query it is. Raises as `rewrite_query` does for what cannot be read."""
    tree = read(query, limits)
    nodes = list(_all(tree))
    return Anatomy(
        keeps_labels=_keeps_labels(tree),
        reads_series=any(isinstance(node, Selector) for node in nodes),
        reads_info=any(
            isinstance(node, Call) and node.function.reading is Reading.INFO for node in nodes
        ),
    )


def _keeps_labels(node: Node) -> bool:
    match node:
        case Selector():
            return True
        case Paren() | Subquery():
            return _keeps_labels(node.inner)
        case Aggregation():
            chooses = node.op.lower() in _CHOOSING_AGGREGATIONS
            return chooses and _keeps_labels(node.arguments[-1])
        case Call():
            chooses = node.function.name in _CHOOSING_FUNCTIONS
            return chooses and _keeps_labels(node.arguments[0])
        case Chain():
            return _chain_keeps_labels(node)
        case NumberLiteral() | StringLiteral():
            return False


def _chain_keeps_labels(chain: Chain) -> bool:
    """Say so of set operations, and of comparisons with a number; between vectors, `on` takes labels."""
    compared = all(
        isinstance(part, NumberLiteral) or _keeps_labels(part)
        for part in chain.parts
        if not isinstance(part, Operator)
    )
    operators = [part for part in chain.parts if isinstance(part, Operator)]
    if any(one.is_unary or one.returns_bool for one in operators) or not compared:
        return False
    symbols = {one.symbol.lower() for one in operators}
    numbers = sum(isinstance(part, NumberLiteral) for part in chain.parts)
    if symbols <= _SETS:
        return numbers == 0
    return symbols <= _COMPARISONS and len(operators) == numbers == 1


def _all(node: Node) -> Iterator[Node]:
    yield node
    for child in children(node):
        yield from _all(child)
