"""A query as the tree that Prometheus' `parse_query` answers (web/api/v1/translate_ast.go)."""

from collections.abc import Callable, Sequence

from tenantry_promql import operations
from tenantry_promql.cursor import Cursor
from tenantry_promql.errors import Refused
from tenantry_promql.functions import MATRIX, SCALAR, STRING, VECTOR, ValueType
from tenantry_promql.lexer import BRACKET, DURATION, END, IDENTIFIER, NUMBER
from tenantry_promql.literals import NotUTF8, unquote
from tenantry_promql.numbers import duration_ms, go_float, number_value
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
)

type Tree = dict[str, object]

_DEFAULT_LIMITS = Limits()
_TYPE_NAMES: dict[ValueType, str] = {
    SCALAR: "scalar",
    STRING: "string",
    VECTOR: "vector",
    MATRIX: "matrix",
}


def parse_tree(query: str, *, limits: Limits = _DEFAULT_LIMITS) -> Tree:
    """Return the tree of a query in the words of Prometheus 3.

    Raises as `rewrite_query` does for what cannot be read, and Refused for duration arithmetic, whose
    tree differs from version to version.
    """
    return _translated(read(query, limits))


def _translated(node: Node) -> Tree:
    match node:
        case NumberLiteral():
            return _number(number_value(node.text))
        case StringLiteral():
            return {"type": "stringLiteral", "val": _string(node.text)}
        case Paren():
            return {"type": "parenExpr", "expr": _translated(node.inner)}
        case Selector():
            return _selector(node)
        case Subquery():
            modifiers = _modifiers(node.suffix)
            shown = {key: modifiers[key] for key in ("range", "offset", "step", *_AT)}
            return {"type": "subquery", "expr": _translated(node.inner), **shown}
        case Call():
            return _call(node)
        case Aggregation():
            return _aggregation(node)
        case Chain():
            return _chain(node)


def _number(value: float) -> Tree:
    return {"type": "numberLiteral", "val": go_float(value)}


def _string(text: str) -> str:
    return _as_text(unquote, text)


def _as_text[T, R](read: Callable[[T], R], value: T) -> R:
    """Return what `read` makes of a value. Raises Refused where that is not text."""
    try:
        return read(value)
    except NotUTF8 as error:
        raise Refused(
            "A string that is not valid UTF-8", "JSON cannot hold it", "write it without \\x"
        ) from error


def _selector(node: Selector) -> Tree:
    modifiers = _modifiers(node.modifiers)
    del modifiers["step"]
    window = modifiers.pop("range")
    matchers = [{"name": label, "value": value, "type": op} for label, op, value in node.matchers]
    tree: Tree = {"type": "vectorSelector", "name": node.name, "matchers": matchers, **modifiers}
    return {**tree, "type": "matrixSelector", "range": window} if node.is_range else tree


def _call(node: Call) -> Tree:
    function = node.function
    return {
        "type": "call",
        "func": {
            "name": function.name,
            "argTypes": [_TYPE_NAMES[one] for one in function.argument_types],
            "variadic": function.variadic,
            "returnType": _TYPE_NAMES[function.result],
        },
        "args": [_translated(argument) for argument in node.arguments],
    }


def _aggregation(node: Aggregation) -> Tree:
    *parameter, inner = node.arguments
    groups = _as_text(operations.grouping, node)
    return {
        "type": "aggregation",
        "op": node.op.lower(),
        "expr": _translated(inner),
        "param": _translated(parameter[0]) if parameter else None,
        "grouping": list(groups.labels),
        "without": groups.without,
    }


type _Operand = tuple[Tree, ValueType]


def _chain(node: Chain) -> Tree:
    tree, _ = operations.fold(node, lambda part: (_translated(part), _type(part)), _unary, _binary)
    return tree


def _unary(operator: Operator, operand: _Operand) -> _Operand:
    tree, kind = operand
    symbol = operator.symbol
    if tree["type"] != "numberLiteral":
        return {"type": "unaryExpr", "op": symbol, "expr": tree}, kind
    # Prometheus' parser makes one literal of a sign and a number.
    value = float(str(tree["val"]))
    return _number(-value if symbol == "-" else value), kind


def _binary(operator: Operator, left: _Operand, right: _Operand) -> _Operand:
    between_vectors = left[1] == right[1] == VECTOR
    tree: Tree = {
        "type": "binaryExpr",
        "op": operator.symbol.lower(),
        "lhs": left[0],
        "rhs": right[0],
        "matching": _matching(operator) if between_vectors else None,
        "bool": operator.returns_bool,
    }
    return tree, VECTOR if VECTOR in (left[1], right[1]) else SCALAR


def _matching(operator: Operator) -> Tree:
    found = _as_text(operations.matching, operator)
    return {
        "card": found.cardinality,
        "labels": list(found.labels),
        "on": found.on,
        "include": list(found.include),
        "fillValues": {"lhs": found.fill_left, "rhs": found.fill_right},
    }


_AT = ("timestamp", "startOrEnd")


def _modifiers(text: str) -> Tree:
    """Read what follows a selector or a subquery; the reader has judged it already."""
    found: Tree = {
        "range": 0,
        "step": 0,
        "offset": 0,
        "timestamp": None,
        "startOrEnd": None,
        "anchored": False,
        "smoothed": False,
    }
    cursor = operations.cursor_of(text)
    while cursor.kind != END:
        kind = cursor.kind
        if kind == BRACKET:
            found |= _bracket(cursor.inside_bracket())
        cursor.take()
        match kind:
            case "[":
                continue
            case "offset":
                found["offset"] = _duration(cursor, ("offset", "@", "anchored", "smoothed", END))
            case "@":
                found |= _instant(cursor)
            case _:
                found[kind] = True
    return found


def _bracket(cursor: Cursor) -> Tree:
    cursor.take()
    found: Tree = {"range": _duration(cursor, ("]", ":"))}
    if cursor.take() == ":" and cursor.kind != "]":
        found["step"] = _duration(cursor, ("]",))
    return found


def _duration(cursor: Cursor, ends: Sequence[str]) -> int:
    sign = -1 if cursor.kind == "-" else 1
    if cursor.kind in ("+", "-"):
        cursor.take()
    if cursor.kind in (NUMBER, DURATION) and cursor.next_kind() in ends:
        return sign * duration_ms(cursor.take())
    raise Refused(
        "The tree of a query with duration arithmetic",
        "its form differs from version to version",
        "write the duration as one number with units",
    )


def _instant(cursor: Cursor) -> Tree:
    if cursor.kind in ("start", "end", IDENTIFIER):
        edge = cursor.take().lower()
        cursor.take()
        cursor.take()
        return {"startOrEnd": edge}
    sign = -1 if cursor.kind == "-" else 1
    if cursor.kind in ("+", "-"):
        cursor.take()
    return {"timestamp": sign * round(number_value(cursor.take()) * 1000)}


def _type(node: Node) -> ValueType:
    match node:
        case Selector():
            return MATRIX if node.is_range else VECTOR
        case Subquery():
            return MATRIX
        case Call():
            return node.function.result
        case Aggregation():
            return VECTOR
        case NumberLiteral():
            return SCALAR
        case StringLiteral():
            return STRING
        case Paren():
            return _type(node.inner)
        case Chain():
            types = {_type(part) for part in node.parts if not isinstance(part, Operator)}
            return VECTOR if VECTOR in types else SCALAR
