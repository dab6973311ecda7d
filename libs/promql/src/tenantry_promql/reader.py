"""Text of a query -> tree, by recursive descent; at least as strict as Prometheus 3.

The grammar is promql/parser/generated_parser.y. Types and argument counts are looked at afterwards,
by `checks`, as Prometheus does.
"""

from tenantry_promql import literals
from tenantry_promql.braces import read_braces
from tenantry_promql.checks import check
from tenantry_promql.cursor import Cursor
from tenantry_promql.errors import LimitExceeded, ParseError, Position
from tenantry_promql.functions import FUNCTIONS
from tenantry_promql.lexer import (
    AGGREGATORS,
    BRACKET,
    DURATION,
    END,
    EXPERIMENTAL_AGGREGATORS,
    FILLS,
    IDENTIFIER,
    KEYWORDS,
    METRIC_IDENTIFIER,
    NUMBER,
    STRING,
    WORD_OPERATORS,
    tokenize,
)
from tenantry_promql.modifiers import POSTFIX, Modifiers, read_subquery_bracket, refuse_modifier
from tenantry_promql.settings import Limits
from tenantry_promql.syntax import (
    METRIC_NAME,
    Aggregation,
    Call,
    Chain,
    Matcher,
    Node,
    NumberLiteral,
    Operator,
    Paren,
    Selector,
    StringLiteral,
    Subquery,
)

_DEFAULT_LIMITS = Limits()
_OPERATORS = WORD_OPERATORS | frozenset(
    ("+", "-", "*", "/", "%", "^", "==", "!=", "<=", ">=", "<", ">", "</", ">/")
)
_NUMBERS = frozenset((NUMBER, DURATION))
# Keywords that cannot be the name of a metric; all others can.
NEVER_A_NAME = FILLS | {"bool", "on", "ignoring", "group_left", "group_right", "atan2"}
_NAMES = (KEYWORDS - NEVER_A_NAME) | {IDENTIFIER, METRIC_IDENTIFIER}
_SCALAR_FUNCTIONS = frozenset(("start", "end", "step", "range"))
_LABELS = (KEYWORDS - FILLS - {"without"}) | {IDENTIFIER, STRING}


def read(query: str, limits: Limits = _DEFAULT_LIMITS, *, experimental: bool = True) -> Node:
    """Read a query; without `experimental`, functions and aggregations that need the flag are errors.

    Raises ParseError where Prometheus 3 would, LimitExceeded for a query that is too long or too
    deep, Refused for a matcher that is not UTF-8.
    """
    reader = _Reader(_cursor(query, limits), experimental=experimental)
    if reader.cursor.kind == END:
        raise ParseError("no expression found in input", Position(1, 1))
    tree = reader.expression(limits.depth)
    if reader.cursor.kind != END:
        reader.cursor.unexpected()
    check(tree, query)
    return tree


def read_selector(
    text: str, limits: Limits = _DEFAULT_LIMITS, *, must_select: bool = True
) -> Selector:
    """Read `name`, `{…}` or `name{…}` with nothing behind it, as in `match[]`. Raises as `read` does.

    Without `must_select`, a selector of everything is accepted.
    """
    reader = _Reader(_cursor(text, limits))
    cursor = reader.cursor
    if cursor.kind != "{" and cursor.kind not in _NAMES:
        cursor.unexpected()
    selector = reader.selector(limits.depth, with_modifiers=False)
    if cursor.kind != END:
        cursor.unexpected()
    if must_select:
        check(selector, text)
    return selector


def _cursor(query: str, limits: Limits) -> Cursor:
    try:
        size = len(query) if query.isascii() else len(query.encode("utf-8"))
    except UnicodeEncodeError as error:
        raise ParseError("invalid UTF-8", Position(1, 1)) from error
    if size > limits.query_bytes:
        raise LimitExceeded(
            f"A query of {size} bytes", "query_bytes", limits.query_bytes, "split the query"
        )
    return Cursor(query, tokenize(query), limits)


class _Reader:
    """One method per rule of the grammar; `depth` counts down to zero with the nesting."""

    __slots__ = ("cursor", "experimental")

    def __init__(self, cursor: Cursor, *, experimental: bool = True) -> None:
        self.cursor = cursor
        self.experimental = experimental

    def expression(self, depth: int) -> Node:
        """Read operands and operators up to whatever cannot continue them."""
        cursor = self.cursor
        cursor.check_depth(depth)
        start = cursor.index
        parts: list[Node | Operator] = []
        while True:
            while cursor.kind == "+" or cursor.kind == "-":
                at = cursor.index
                parts.append(Operator(cursor.take(), at, is_unary=True))
            operand = self.operand(depth)
            if cursor.kind not in _OPERATORS:
                break
            parts.append(operand)
            parts.append(self.operator())
        if not parts:
            return operand
        parts.append(operand)
        return Chain(tuple(parts), start)

    def operand(self, depth: int) -> Node:
        """Read one operand with its modifiers and subqueries."""
        cursor = self.cursor
        kind, start = cursor.kind, cursor.index
        node: Node
        if kind in AGGREGATORS and cursor.next_kind() in ("(", "by", "without"):
            node = self.aggregation(depth)
        elif (kind == IDENTIFIER or kind in _SCALAR_FUNCTIONS) and cursor.next_kind() == "(":
            node = self.call(depth)
        elif kind == "{" or kind in _NAMES:
            node = self.selector(depth)
        elif kind in _NUMBERS:
            node = NumberLiteral(cursor.take(), start)
        elif kind == "(":
            cursor.take()
            node = Paren(self.expression(depth - 1), start)
            cursor.expect(")")
        elif kind == STRING:
            node = StringLiteral(self.string(), start)
        else:
            cursor.unexpected()
        while cursor.kind in POSTFIX:
            node = self.subquery(node, start, depth)
        return node

    def string(self) -> str:
        """Take a string that nothing is decided about; it need not be UTF-8."""
        cursor = self.cursor
        start, text = cursor.index, cursor.take()
        try:
            literals.unquote(text)
        except literals.BadLiteral as error:
            cursor.fail(str(error), start)
        except literals.NotUTF8:
            pass
        return text

    def selector(self, depth: int, *, with_modifiers: bool = True) -> Selector:
        cursor = self.cursor
        start = cursor.index
        name = body = ""
        matchers: list[Matcher] = []
        if cursor.kind != "{":
            name = cursor.take()
        if cursor.kind == "{":
            body, matchers = read_braces(cursor)
        if name:
            for matcher in matchers:
                if matcher.label == METRIC_NAME:
                    # Also what an injected matcher on the name would run into.
                    message = f'metric name must not be set twice: "{name}" or "{matcher.value}"'
                    cursor.fail(message, start)
            matchers.append(Matcher(METRIC_NAME, "=", name))
        text, is_range = "", False
        if with_modifiers and cursor.kind in POSTFIX:
            modifiers = Modifiers(start, on_subquery=False)
            modifiers.read(cursor, depth)
            text, is_range = modifiers.text, modifiers.has_range
        return Selector(name, body, tuple(matchers), text, is_range, start, cursor.index - 1)

    def subquery(self, inner: Node, start: int, depth: int) -> Subquery:
        cursor = self.cursor
        if cursor.kind != BRACKET:
            refuse_modifier(cursor, start)
        bracket = read_subquery_bracket(cursor, depth)
        if isinstance(inner, Subquery):
            # Never of the right type; refused here because a row of them would nest without bound.
            message = "subquery is only allowed on instant vector, got range vector instead"
            cursor.fail(message, start)
        modifiers = Modifiers(start, on_subquery=True)
        modifiers.read(cursor, depth)
        return Subquery(inner, bracket + modifiers.text, start)

    def call(self, depth: int) -> Call:
        cursor = self.cursor
        start, name = cursor.index, cursor.take()
        arguments = self.arguments(depth)
        function = FUNCTIONS.get(name)
        if function is None:
            cursor.fail(f'unknown function with name "{name}"', start)
        if function.is_experimental and not self.experimental:
            cursor.fail(f'function "{name}" is not enabled', start)
        return Call(function, arguments, start)

    def arguments(self, depth: int) -> tuple[Node, ...]:
        cursor = self.cursor
        cursor.take()
        if cursor.kind == ")":
            cursor.take()
            return ()
        arguments = [self.expression(depth - 1)]
        while cursor.kind == ",":
            comma = cursor.index
            cursor.take()
            if cursor.kind == ")":
                cursor.fail("trailing commas not allowed in function call args", comma)
            arguments.append(self.expression(depth - 1))
        cursor.expect(")")
        return tuple(arguments)

    def aggregation(self, depth: int) -> Aggregation:
        cursor = self.cursor
        start, op = cursor.index, cursor.take()
        first = cursor.kind != "("
        modifier = self.grouping() if first else ""
        if cursor.kind != "(":
            cursor.unexpected("aggregation")
        arguments = self.arguments(depth)
        if op.lower() in EXPERIMENTAL_AGGREGATORS and not self.experimental:
            cursor.fail(f"{op.lower()}() is experimental and must be enabled", start)
        if not first and cursor.kind in ("by", "without"):
            modifier = self.grouping()
        return Aggregation(op, modifier, first, arguments, start)

    def grouping(self) -> str:
        modifier = self.cursor.take()
        return f"{modifier} ({', '.join(self.labels())})"

    def labels(self) -> list[str]:
        """Read `(label, …)` and return the texts; keywords are labels here, strings since Prometheus 3."""
        cursor = self.cursor
        cursor.expect("(", "grouping opts", '"("')
        labels: list[str] = []
        while cursor.kind != ")":
            if cursor.kind not in _LABELS:
                cursor.unexpected("grouping opts", "label")
            labels.append(self.string() if cursor.kind == STRING else cursor.take())
            if cursor.kind == ",":
                cursor.take()
            elif cursor.kind != ")":
                cursor.unexpected("grouping opts", '"," or ")"')
        cursor.take()
        return labels

    def disjoint(self, labels: list[str], include: list[str], start: int) -> None:
        for label in labels:
            if label in include:
                message = f'label "{label}" must not occur in ON and GROUP clause at once'
                self.cursor.fail(message, start)

    def operator(self) -> Operator:
        """Read a binary operator with `bool`, `on`/`ignoring`, `group_left`/`group_right` and `fill`s."""
        cursor = self.cursor
        start, symbol = cursor.index, cursor.take()
        if cursor.kind not in _MATCHING:
            return Operator(symbol, start)
        texts: list[str] = []
        returns_bool = cursor.kind == "bool"
        has_labels = is_grouping = False
        if returns_bool:
            texts.append(cursor.take())
        if cursor.kind == "on" or cursor.kind == "ignoring":
            matching = cursor.take()
            labels = self.labels()
            has_labels = bool(labels)
            texts.append(f"{matching} ({', '.join(labels)})")
            if cursor.kind == "group_left" or cursor.kind == "group_right":
                is_grouping = True
                side = cursor.take()
                # Always with parentheses: after a bare `group_left` the parenthesis of a union
                # would be read as its label list.
                include = self.labels() if cursor.kind == "(" else []
                texts.append(f"{side} ({', '.join(include)})")
                if matching.lower() == "on":
                    self.disjoint(labels, include, start)
        fills = False
        while cursor.kind in FILLS:
            fills = True
            texts.append(self.fill())
        return Operator(
            symbol,
            start,
            modifiers=" ".join(texts),
            returns_bool=returns_bool,
            has_labels=has_labels,
            is_grouping=is_grouping,
            fills=fills,
        )

    def fill(self) -> str:
        cursor = self.cursor
        name = cursor.kind
        cursor.take()
        value = cursor.take() if cursor.kind in ("+", "-") else ""
        if cursor.kind not in (NUMBER, DURATION):
            cursor.unexpected(name, "number")
        value += cursor.take()
        cursor.expect(")", name)
        return f"{name} ({value})"


_MATCHING = frozenset(("bool", "on", "ignoring")) | FILLS
