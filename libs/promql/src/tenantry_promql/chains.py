"""The type of a chain of operators. The only place that knows their precedence."""

from collections.abc import Sequence

from tenantry_promql.functions import SCALAR, VECTOR, ValueType
from tenantry_promql.syntax import Operator

_SET = frozenset(("and", "or", "unless"))
_COMPARISON = frozenset(("==", "!=", "<=", ">=", "<", ">"))
_LEVELS = (
    ("or",),
    ("and", "unless"),
    ("==", "!=", "<=", ">=", "<", ">", "</", ">/"),
    ("+", "-"),
    ("*", "/", "%", "atan2"),
    ("^",),
)
_PRECEDENCE = {symbol: level for level, symbols in enumerate(_LEVELS) for symbol in symbols}
_UNARY = _PRECEDENCE["*"]
_POWER = _PRECEDENCE["^"]

type _Typed = tuple[ValueType, int]
"""An operand: its type, and where it starts."""


class ChainError(Exception):
    """The operands do not fit an operator; `start` is where Prometheus would say so."""

    def __init__(self, message: str, start: int) -> None:
        super().__init__(message)
        self.start = start


def chain_type(parts: Sequence[Operator | _Typed]) -> ValueType:
    """Return the type of a chain, or raise ChainError (parse.go, checkAST, BinaryExpr and UnaryExpr)."""
    operands: list[_Typed] = []
    waiting: list[Operator] = []
    for part in parts:
        if not isinstance(part, Operator):
            operands.append(part)
            continue
        while waiting and not part.is_unary and binds_first(waiting[-1], part):
            _reduce(operands, waiting.pop())
        waiting.append(part)
    while waiting:
        _reduce(operands, waiting.pop())
    return operands[0][0]


def binds_first(left: Operator, right: Operator) -> bool:
    """Say whether `left` takes the operand between them; `right` is a binary operator."""
    before = _UNARY if left.is_unary else _PRECEDENCE[left.symbol.lower()]
    after = _PRECEDENCE[right.symbol.lower()]
    # ^ is the one operator that groups to the right.
    return before > after or (before == after and after != _POWER)


def _reduce(operands: list[_Typed], operator: Operator) -> None:
    right, right_start = operands.pop()
    if operator.is_unary:
        if right not in (SCALAR, VECTOR):
            message = f'unary expression only allowed on expressions of type scalar or instant vector, got "{right}"'
            raise ChainError(message, operator.start)
        operands.append((right, operator.start))
        return
    left, start = operands.pop()
    for side, at in ((left, start), (right, right_start)):
        if side not in (SCALAR, VECTOR):
            message = "binary expression must contain only scalar and instant vector types"
            raise ChainError(message, at)
    _check(operator, left, right, start)
    both_scalar = left == right == SCALAR
    operands.append((SCALAR if both_scalar else VECTOR, start))


def _check(operator: Operator, left: ValueType, right: ValueType, start: int) -> None:
    symbol = operator.symbol.lower()
    comparison = symbol in _COMPARISON
    if operator.returns_bool and not comparison:
        message = "bool modifier can only be used on comparison operators"
        raise ChainError(message, operator.start)
    if SCALAR not in (left, right):
        if symbol in _SET and operator.is_grouping:
            raise ChainError(f'no grouping allowed for "{symbol}" operation', start)
        if symbol in _SET and operator.fills:
            message = "filling in missing series not allowed for set operators"
            raise ChainError(message, start)
        return
    if comparison and not operator.returns_bool and left == right:
        message = "comparisons between scalars must use BOOL modifier"
        raise ChainError(message, operator.start)
    if operator.has_labels:
        raise ChainError("vector matching only allowed between instant vectors", start)
    if operator.fills:
        message = "filling in missing series only allowed between instant vectors"
        raise ChainError(message, start)
    if symbol in _SET:
        message = f'set operator "{symbol}" not allowed in binary scalar expression'
        raise ChainError(message, start)
