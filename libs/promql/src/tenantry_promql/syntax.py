"""The tree of a query. Nodes keep the texts of their tokens, so that printing changes only whitespace.

Operators are not ordered by precedence: a chain keeps operands and operators in a row. Rewriting
replaces operands by operands, and an operand is always delimited by operators, commas or brackets,
so the tree that Prometheus will build keeps its shape without our knowing it.

`start` is the number of a node's first token; `lexer.spans` knows where in the query that is.

Every node prints itself from the texts of its children: `to_text` passes the children's own texts,
the rewriting passes theirs rewritten. Nothing changes a node that is made; frozen ones would take
three times as long to make.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from tenantry_promql.functions import Function, Reading

type MatchOp = Literal["=", "!=", "=~", "!~"]

METRIC_NAME = "__name__"


class Matcher(NamedTuple):
    """One condition on one label, with the meaning of PromQL: a missing label has the value ""."""

    label: str
    op: MatchOp
    value: str


@dataclass(slots=True)
class NumberLiteral:
    """A number, or a duration used as one."""

    text: str
    start: int


@dataclass(slots=True)
class StringLiteral:
    """A quoted string, escapes as written."""

    text: str
    start: int


@dataclass(slots=True)
class Selector:
    """`name{matchers}` with its own modifiers: `[w]`, `offset`, `@`, `anchored`, `smoothed`."""

    name: str
    """What stands before the braces, or ""."""
    body: str
    """What stands between the braces, or ""."""
    matchers: tuple[Matcher, ...]
    """All conditions, the name before the braces included as `__name__="…"`."""
    modifiers: str
    """What follows the braces, in the order of the query, starting with `[` or a space; or ""."""
    is_range: bool
    start: int
    end: int
    """The number of its last token."""

    def text(self, more: str = "") -> str:
        """Print it, with further matchers appended inside the braces."""
        body = f"{self.body},{more}" if self.body and more else self.body or more
        braces = f"{{{body}}}" if body or not self.name else ""
        return f"{self.name}{braces}{self.modifiers}"


@dataclass(slots=True)
class Call:
    """`function(arguments)`."""

    function: Function
    arguments: tuple["Node", ...]
    start: int

    def text(self, arguments: Iterable[str]) -> str:
        return f"{self.function.name}({', '.join(arguments)})"


@dataclass(slots=True)
class Aggregation:
    """`op by (labels) (parameter, expression)`, the modifier before or after the arguments."""

    op: str
    modifier: str
    modifier_first: bool
    arguments: tuple["Node", ...]
    start: int

    def text(self, arguments: Iterable[str]) -> str:
        body = f"({', '.join(arguments)})"
        if not self.modifier:
            return self.op + body
        if self.modifier_first:
            return f"{self.op} {self.modifier} {body}"
        return f"{self.op}{body} {self.modifier}"


@dataclass(slots=True)
class Paren:
    """`(expression)`."""

    inner: "Node"
    start: int


@dataclass(slots=True)
class Subquery:
    """`expression[range:step]` with its modifiers; `suffix` is everything from the bracket on."""

    inner: "Node"
    suffix: str
    start: int


@dataclass(slots=True)
class Operator:
    """A unary or binary operator; `modifiers` is the text of `bool`, `on (…)`, `group_left (…)`, `fill (…)`."""

    symbol: str
    start: int
    is_unary: bool = False
    modifiers: str = ""
    returns_bool: bool = False
    has_labels: bool = False
    is_grouping: bool = False
    fills: bool = False

    def text(self) -> str:
        return f"{self.symbol} {self.modifiers}" if self.modifiers else self.symbol


@dataclass(slots=True)
class Chain:
    """Operands and operators in a row: `- a + on (x) b ^ 2`. At least one operator."""

    parts: tuple["Node | Operator", ...]
    start: int


type Node = NumberLiteral | StringLiteral | Selector | Call | Aggregation | Paren | Subquery | Chain


def without_parens(node: Node) -> Node:
    """Look through parentheses, as Prometheus does for arguments whose syntax matters."""
    while isinstance(node, Paren):
        node = node.inner
    return node


def children(node: Node) -> tuple[Node, ...]:
    """Return the nodes directly below one."""
    match node:
        case Call() | Aggregation():
            return node.arguments
        case Paren() | Subquery():
            return (node.inner,)
        case Chain():
            return tuple(part for part in node.parts if not isinstance(part, Operator))
        case NumberLiteral() | StringLiteral() | Selector():
            return ()


def selectors(node: Node) -> Iterator[Selector]:
    """Yield every selector of a tree that selects series, in the order of the text.

    The second argument of info() names labels to add, not series, and is left out.
    """
    if isinstance(node, Selector):
        yield node
    below = children(node)
    if isinstance(node, Call) and node.function.reading is Reading.INFO:
        below = below[:1]
    for child in below:
        yield from selectors(child)


def join_chain(chain: Chain, operands: Iterable[str]) -> str:
    """Print a chain from the texts of its operands. A unary operator touches its operand."""
    following = iter(operands)
    printed = []
    for part in chain.parts:
        if not isinstance(part, Operator):
            printed.append(next(following) + " ")
        elif part.is_unary:
            printed.append(part.symbol)
        else:
            printed.append(part.text() + " ")
    return "".join(printed).rstrip(" ")


def to_text(node: Node) -> str:
    """Print a tree. Reading the result gives an equal tree, apart from positions."""
    match node:
        case NumberLiteral() | StringLiteral():
            return node.text
        case Selector():
            return node.text()
        case Call() | Aggregation():
            return node.text(map(to_text, node.arguments))
        case Paren():
            return f"({to_text(node.inner)})"
        case Subquery():
            return to_text(node.inner) + node.suffix
        case Chain():
            return join_chain(node, map(to_text, children(node)))
