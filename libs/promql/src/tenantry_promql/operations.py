"""Chains as nested operations, and what the modifiers of operators and aggregations say; pure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tenantry_promql.chains import binds_first
from tenantry_promql.cursor import Cursor
from tenantry_promql.lexer import END, tokenize
from tenantry_promql.lexer import STRING as STRING_TOKEN
from tenantry_promql.literals import unquote
from tenantry_promql.numbers import number_value
from tenantry_promql.settings import Limits
from tenantry_promql.syntax import Aggregation, Chain, Node, Operator

type Cardinality = Literal["one-to-one", "many-to-one", "one-to-many", "many-to-many"]

_SETS = frozenset(("and", "or", "unless"))
_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Grouping:
    """`by (labels)`, `without (labels)`, or nothing, which is `by ()`."""

    labels: tuple[str, ...] = ()
    without: bool = False


@dataclass(frozen=True, slots=True)
class Matching:
    """How the elements of two vectors find one another (parser/ast.go, VectorMatching)."""

    cardinality: Cardinality
    labels: tuple[str, ...] = ()
    on: bool = False
    include: tuple[str, ...] = ()
    fill_left: float | None = None
    fill_right: float | None = None


def fold[T](
    chain: Chain,
    leaf: Callable[[Node], T],
    unary: Callable[[Operator, T], T],
    binary: Callable[[Operator, T, T], T],
) -> T:
    """Group a row of operands and operators by precedence, and build each operation from its operands."""
    operands: list[T] = []
    waiting: list[Operator] = []

    def reduce(operator: Operator) -> None:
        right = operands.pop()
        built = (
            unary(operator, right) if operator.is_unary else binary(operator, operands.pop(), right)
        )
        operands.append(built)

    for part in chain.parts:
        if not isinstance(part, Operator):
            operands.append(leaf(part))
            continue
        while waiting and not part.is_unary and binds_first(waiting[-1], part):
            reduce(waiting.pop())
        waiting.append(part)
    while waiting:
        reduce(waiting.pop())
    return operands[0]


def grouping(aggregation: Aggregation) -> Grouping:
    """Return the labels that an aggregation groups by. Raises `NotUTF8` for a name that is not text."""
    cursor = cursor_of(aggregation.modifier)
    if cursor.kind == END:
        return Grouping()
    without = cursor.take().lower() == "without"
    return Grouping(_labels(cursor), without)


def matching(operator: Operator) -> Matching:
    """Return how a binary operator between two vectors matches them. Raises as `grouping` does."""
    cardinality: Cardinality = "one-to-one"
    if operator.symbol.lower() in _SETS:
        cardinality = "many-to-many"
    labels: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    left = right = None
    on = False
    cursor = cursor_of(operator.modifiers)
    while cursor.kind != END:
        word = cursor.kind
        cursor.take()
        if word in ("on", "ignoring"):
            on = word == "on"
            labels = _labels(cursor)
        elif word in ("group_left", "group_right"):
            cardinality = "many-to-one" if word == "group_left" else "one-to-many"
            include = _labels(cursor)
        elif word.startswith("fill"):
            value = _fill(cursor)
            left = value if word != "fill_right" else left
            right = value if word != "fill_left" else right
    return Matching(cardinality, labels, on, include, left, right)


def cursor_of(text: str) -> Cursor:
    """Return a cursor over a text that the reader has judged already."""
    return Cursor(text, tokenize(text), _LIMITS)


def _fill(cursor: Cursor) -> float:
    sign = -1.0 if cursor.kind == "-" else 1.0
    if cursor.kind in ("+", "-"):
        cursor.take()
    value = number_value(cursor.take())
    cursor.take()
    return sign * value


def _labels(cursor: Cursor) -> tuple[str, ...]:
    """Read a parenthesised list of names; none where `group_left` stands without one."""
    if cursor.kind != "(":
        return ()
    cursor.take()
    found: list[str] = []
    while cursor.kind != ")":
        is_string = cursor.kind == STRING_TOKEN
        text = cursor.take()
        if text != ",":
            found.append(unquote(text) if is_string else text)
    cursor.take()
    return tuple(found)
