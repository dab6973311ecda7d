"""What Prometheus checks once a query is read: types, argument counts, selectors of everything.

All of it is done on the query as it was written, because injection would mask some of it:
`{job=~".*"}` is an error for Prometheus, `{job=~".*",namespace="x"}` is not.
"""

from typing import NoReturn

from tenantry_promql import regexes
from tenantry_promql.chains import ChainError, chain_type
from tenantry_promql.errors import ParseError, position_at
from tenantry_promql.functions import MATRIX, SCALAR, STRING, VECTOR, Reading, ValueType
from tenantry_promql.lexer import PARAMETRIC_AGGREGATORS, spans
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
)


def check(tree: Node, source: str) -> None:
    """Raise ParseError where Prometheus' type checker would (promql/parser/parse.go, checkAST)."""
    _type(tree, source)


def _type(node: Node, source: str) -> ValueType:
    match node:
        case Selector():
            _selects_something(node, source)
            return MATRIX if node.is_range else VECTOR
        case Call():
            _call(node, source)
            return node.function.result
        case Aggregation():
            _aggregation(node, source)
            return VECTOR
        case Chain():
            types = [
                part if isinstance(part, Operator) else (_type(part, source), part.start)
                for part in node.parts
            ]
            try:
                return chain_type(types)
            except ChainError as error:
                _fail(str(error), error.start, source)
        case Paren():
            return _type(node.inner, source)
        case NumberLiteral():
            return SCALAR
        case StringLiteral():
            return STRING
        case Subquery():
            inner = _type(node.inner, source)
            if inner != VECTOR:
                message = f"subquery is only allowed on instant vector, got {inner} instead"
                _fail(message, node.start, source)
            return MATRIX


def _selects_something(selector: Selector, source: str) -> None:
    if selector.name:
        return
    for label, op, value in selector.matchers:
        if label and not regexes.holds(op, value, ""):
            return
    message = "vector selector must contain at least one non-empty matcher"
    _fail(message, selector.start, source)


def _call(call: Call, source: str) -> None:
    function, arguments = call.function, call.arguments
    count, expected = len(arguments), len(function.argument_types)
    name = f'argument(s) in call to "{function.name}", got {count}'
    if function.variadic == 0:
        if count != expected:
            _fail(f"expected {expected} {name}", call.start, source)
    else:
        least = expected - 1
        most = least + function.variadic
        if count < least:
            _fail(f"expected at least {least} {name}", call.start, source)
        if function.variadic > 0 and count > most:
            _fail(f"expected at most {most} {name}", call.start, source)
    for index, argument in enumerate(arguments):
        if function.reading is Reading.INFO and index == 1:
            _info_labels(argument, source)
            continue
        wanted = function.argument_types[min(index, expected - 1)]
        _expect(argument, wanted, f'call to function "{function.name}"', source)


def _info_labels(argument: Node, source: str) -> None:
    # These matchers say which labels to add, not what to select: all of them may match "".
    if not isinstance(argument, Selector) or argument.modifiers:
        _fail("expected label selectors only", argument.start, source)
    if argument.name:
        message = "expected label selectors only, got vector selector instead"
        _fail(message, argument.start, source)


def _aggregation(node: Aggregation, source: str) -> None:
    wanted = 2 if node.op.lower() in PARAMETRIC_AGGREGATORS else 1
    got = len(node.arguments)
    if got == 0:
        _fail("no arguments for aggregate expression provided", node.start, source)
    if got != wanted:
        message = f"wrong number of arguments for aggregate expression provided, expected {wanted}, got {got}"
        _fail(message, node.start, source)
    _expect(node.arguments[-1], VECTOR, "aggregation expression", source)
    if wanted == 2:
        parameter = STRING if node.op.lower() == "count_values" else SCALAR
        _expect(node.arguments[0], parameter, "aggregation parameter", source)


def _expect(node: Node, wanted: ValueType, context: str, source: str) -> None:
    got = _type(node, source)
    if got != wanted:
        _fail(f"expected type {wanted} in {context}, got {got}", node.start, source)


def _fail(message: str, start: int, source: str) -> NoReturn:
    raise ParseError(message, position_at(source, spans(source)[start][0]))
