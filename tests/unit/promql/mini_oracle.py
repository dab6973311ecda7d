"""A small evaluator of PromQL: just enough of it to tell a right rewriting from a wrong one.

It models what rewriting can get wrong: names that disappear, labels that collide, gaps, functions that
look at the syntax of their argument, labels that absent() invents, set operators that ignore names.
Numbers matter only as far as two different inputs give different outputs.

Time is counted in steps. A selector sees a sample for LOOKBACK steps.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import re2

from tenantry_promql import Matcher, ParseError
from tenantry_promql.reader import read
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
    without_parens,
)

LOOKBACK = 2

type Labels = frozenset[tuple[str, str]]
type Vector = list[tuple[Labels, float]]
type Matrix = list[tuple[Labels, tuple[tuple[int, float], ...]]]
type Value = float | str | Vector | Matrix


class EvaluationError(Exception):
    """Prometheus would answer with an error."""


@dataclass(frozen=True)
class Series:
    """A stored series: labels without empty values, and its samples by step."""

    labels: Labels
    samples: tuple[tuple[int, float], ...]


@dataclass
class _Evaluator:
    """Evaluates one query at as many steps as one likes, which then belong to one range."""

    series: Sequence[Series]
    bearers: dict[tuple[int, Labels], Labels] = field(default_factory=dict)
    """By node and labels without the name: the one series that has got them so far."""

    # --- nodes

    def value(self, node: Node, now: int) -> Value:
        match node:
            case NumberLiteral():
                return float(node.text)
            case StringLiteral():
                return node.text[1:-1]
            case Paren():
                return self.value(node.inner, now)
            case Selector(is_range=True):
                return self.window(node, now)
            case Selector():
                return [(labels, value) for labels, _, value in self.latest(node, now)]
            case Subquery():
                return self.subquery(node, now)
            case Aggregation():
                return self.aggregate(node, now)
            case Chain():
                return self.chain(node, now)
            case Call():
                return self.call(node, now)

    def vector(self, node: Node, now: int) -> Vector:
        value = self.value(node, now)
        assert isinstance(value, list)
        return value  # type: ignore[return-value]  # the reader has checked the types

    def selected(self, selector: Selector) -> Iterable[Series]:
        return (one for one in self.series if matches(selector.matchers, dict(one.labels)))

    def latest(self, selector: Selector, now: int) -> Iterable[tuple[Labels, int, float]]:
        at = _shifted(selector.modifiers, now)
        for one in self.selected(selector):
            seen = [sample for sample in one.samples if at - LOOKBACK < sample[0] <= at]
            if seen:
                yield one.labels, *seen[-1]

    def window(self, selector: Selector, now: int) -> Matrix:
        at = _shifted(selector.modifiers, now)
        width = int(selector.modifiers.split("[")[1].split("]")[0])
        windows = [
            (one.labels, tuple(s for s in one.samples if at - width < s[0] <= at))
            for one in self.selected(selector)
        ]
        return [found for found in windows if found[1]]

    def subquery(self, node: Subquery, now: int) -> Matrix:
        at = _shifted(node.suffix, now)
        width = int(node.suffix[1:].split(":")[0])
        found: dict[Labels, list[tuple[int, float]]] = {}
        for step in range(at - width + 1, at + 1):
            for labels, value in self.vector(node.inner, step):
                found.setdefault(labels, []).append((step, value))
        return [(labels, tuple(samples)) for labels, samples in found.items()]

    def aggregate(self, node: Aggregation, now: int) -> Vector:
        parameter = self.value(node.arguments[0], now) if len(node.arguments) == 2 else 0.0
        words = node.modifier.replace("(", " ").replace(")", " ").replace(",", " ").split()
        by, names = (words[0], set(words[1:])) if words else ("by", set())
        groups: dict[Labels, list[float]] = {}
        for labels, value in self.vector(node.arguments[-1], now):
            if by == "by":
                group = frozenset(pair for pair in labels if pair[0] in names)
            else:
                group = frozenset(
                    pair for pair in labels if pair[0] not in names and pair[0] != "__name__"
                )
            groups.setdefault(group, []).append(value)
        combine = _AGGREGATIONS[node.op]
        assert isinstance(parameter, float)
        return [(group, combine(parameter, values)) for group, values in groups.items()]

    def chain(self, node: Chain, now: int) -> Value:
        operators = [part for part in node.parts if isinstance(part, Operator)]
        if any(operator.is_unary for operator in operators):
            _, operand = node.parts
            assert not isinstance(operand, Operator)
            return self.nameless(
                node, [(labels, -value) for labels, value in self.vector(operand, now)]
            )
        operands = [self.value(operand, now) for operand in children(node)]
        # The loosest operator splits the chain; within one level the last one does.
        for level in _LEVELS:
            for index in reversed(range(len(operators))):
                if operators[index].symbol in level:
                    parts = node.parts
                    left = _chain(parts[: 2 * index + 1])
                    right = _chain(parts[2 * index + 2 :])
                    return _binary(operators[index], self.value(left, now), self.value(right, now))
        return operands[0]

    def call(self, node: Call, now: int) -> Value:
        name = node.function.name
        last = without_parens(node.arguments[-1])
        match name:
            case "absent" | "absent_over_time":
                return self.absent(node.arguments[0], now)
            case "timestamp":
                if isinstance(last, Selector):
                    return _nameless([(x, float(at)) for x, at, _ in self.latest(last, now)])
                return _nameless([(x, float(now)) for x, _ in self.vector(last, now)])
            case "scalar":
                found = self.vector(last, now)
                return found[0][1] if len(found) == 1 else -1.0
            case "vector":
                number = self.value(last, now)
                assert isinstance(number, float)
                nobody: Labels = frozenset()
                return [(nobody, number)]
            case "label_replace":
                return self.label_replace(node, now)
            case "clamp_max":
                limit = self.value(last, now)
                assert isinstance(limit, float)
                return _nameless(
                    [(x, min(v, limit)) for x, v in self.vector(node.arguments[0], now)]
                )
            case _:
                return self.over_time(node, now)

    def over_time(self, node: Call, now: int) -> Vector:
        name = node.function.name
        parameter = 0.0
        if name == "quantile_over_time":
            first = self.value(node.arguments[0], now)
            assert isinstance(first, float)
            parameter = first
        matrix: Matrix = self.value(node.arguments[-1], now)  # type: ignore[assignment]  # checked
        found: Vector = []
        for labels, samples in matrix:
            values = [value for _, value in samples]
            found.append((labels, _OVER_TIME[name](parameter, values)))
        return found if name == "last_over_time" else self.nameless(node, found)

    def nameless(self, node: Node, vector: Vector) -> Vector:
        """Drop names as functions of ranges do: no two series of the whole range may collide."""
        for labels, _ in vector:
            if self.bearers.setdefault((id(node), _without_name(labels)), labels) != labels:
                raise EvaluationError("vector cannot contain metrics with the same labelset")
        return _nameless(vector)

    def absent(self, argument: Node, now: int) -> Vector:
        if self.vector(argument, now):
            return []
        selector = without_parens(argument)
        labels: dict[str, str] = {}
        seen: set[str] = set()
        if isinstance(selector, Selector):
            for label, op, value in selector.matchers:
                if label == "__name__":
                    continue
                if op == "=" and label not in seen:
                    labels[label] = value
                    seen.add(label)
                else:
                    labels.pop(label, None)
        return [(frozenset(pair for pair in labels.items() if pair[1]), 1.0)]

    def label_replace(self, node: Call, now: int) -> Vector:
        vector, *strings = node.arguments
        target, replacement, source, regex = (str(self.value(text, now)) for text in strings)
        found: Vector = []
        for labels, value in self.vector(vector, now):
            match = _regex(regex).fullmatch(dict(labels).get(source, ""))
            changed = dict(labels)
            if match is not None:
                changed[target] = (
                    replacement.replace("$1", match[1]) if "$1" in replacement else replacement
                )
            found.append((frozenset(pair for pair in changed.items() if pair[1]), value))
        return _unique(found)


_LEVELS: tuple[tuple[str, ...], ...] = (("or",), ("and", "unless"), (">", "=="), ("+", "-"), ("*",))

_AGGREGATIONS: dict[str, Callable[[float, list[float]], float]] = {
    "sum": lambda _, values: sum(values),
    "count": lambda _, values: float(len(values)),
    "max": lambda _, values: max(values),
    "quantile": lambda parameter, values: parameter * 1000 + sum(values),
}
_OVER_TIME: dict[str, Callable[[float, list[float]], float]] = {
    "sum_over_time": lambda _, values: sum(values),
    "count_over_time": lambda _, values: float(len(values)),
    "last_over_time": lambda _, values: values[-1],
    "quantile_over_time": lambda parameter, values: parameter * 1000 + sum(values),
}


def _chain(parts: tuple[Node | Operator, ...]) -> Node:
    if len(parts) == 1 and not isinstance(parts[0], Operator):
        return parts[0]
    return Chain(parts, 0)


def _without_name(labels: Labels) -> Labels:
    return frozenset(pair for pair in labels if pair[0] != "__name__")


def _unique(vector: Vector) -> Vector:
    if len({labels for labels, _ in vector}) < len(vector):
        raise EvaluationError("vector cannot contain metrics with the same labelset")
    return vector


def _nameless(vector: Vector) -> Vector:
    return _unique([(_without_name(labels), value) for labels, value in vector])


def _shifted(modifiers: str, now: int) -> int:
    words = modifiers.replace("]", "] ").split()
    if "@" in words:
        now = int(words[words.index("@") + 1])
    if "offset" in words:
        now -= int(words[words.index("offset") + 1])
    return now


def _binary(operator: Operator, left: Value, right: Value) -> Value:
    if isinstance(left, float) and isinstance(right, float):
        return _arithmetic(operator.symbol, left, right)
    if isinstance(right, float):
        assert isinstance(left, list)
        pairs = [(x, v, right) for x, v in left]
        return _kept(operator.symbol, pairs)  # type: ignore[arg-type]
    if isinstance(left, float):
        assert isinstance(right, list)
        return _nameless([(x, _arithmetic(operator.symbol, left, v)) for x, v in right])  # type: ignore[arg-type]
    return _vectors(operator, left, right)  # type: ignore[arg-type]


def _kept(symbol: str, pairs: list[tuple[Labels, float, float]]) -> Vector:
    if symbol in (">", "=="):
        return [(x, a) for x, a, b in pairs if (a > b if symbol == ">" else a == b)]
    return _nameless([(x, _arithmetic(symbol, a, b)) for x, a, b in pairs])


def _arithmetic(symbol: str, a: float, b: float) -> float:
    return {"+": a + b, "-": a - b, "*": a * b, ">": float(a > b), "==": float(a == b)}[symbol]


def _signature(operator: Operator) -> Callable[[Labels], Labels]:
    words = operator.modifiers.replace("(", " ( ").replace(")", " ) ").replace(",", " ").split()
    if words and words[0] in ("on", "ignoring"):
        names = set(words[2 : words.index(")")])
        if words[0] == "on":
            return lambda labels: frozenset(pair for pair in labels if pair[0] in names)
        return lambda labels: frozenset(p for p in labels if p[0] not in names | {"__name__"})
    return _without_name


def _vectors(operator: Operator, left: Vector, right: Vector) -> Vector:
    signature = _signature(operator)
    here, there = {signature(x) for x, _ in left}, {signature(x) for x, _ in right}
    match operator.symbol:
        case "and":
            return [(x, v) for x, v in left if signature(x) in there]
        case "unless":
            return [(x, v) for x, v in left if signature(x) not in there]
        case "or":
            return left + [(x, v) for x, v in right if signature(x) not in here]
    if len(there) < len(right):
        raise EvaluationError("found duplicate series for the match group")
    found: Vector = []
    many = "group_left" in operator.modifiers
    one_side = {signature(x): v for x, v in right}
    used: set[Labels] = set()
    for labels, value in left:
        key = signature(labels)
        if key not in one_side:
            continue
        if key in used and not many:
            raise EvaluationError("multiple matches for labels")
        used.add(key)
        name_dropped = _without_name(labels) if operator.symbol not in (">", "==") else labels
        found.append(
            (name_dropped if many else key, _arithmetic(operator.symbol, value, one_side[key]))
        )
    return _unique(found)


_COMPILED: dict[str, re2._Regexp] = {}


def _regex(regex: str) -> re2._Regexp:
    if regex not in _COMPILED:
        _COMPILED[regex] = re2.compile(f"(?s:{regex})")
    return _COMPILED[regex]


def matches(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    """Say whether a series satisfies all matchers; a loop of its own, not the library's algebra."""
    for label, op, operand in matchers:
        value = labels.get(label, "")
        found = (
            value == operand if op in ("=", "!=") else _regex(operand).fullmatch(value) is not None
        )
        if found != (op in ("=", "=~")):
            return False
    return True


def permitted(series: Sequence[Series], rules: Iterable[Iterable[Matcher]]) -> list[Series]:
    """Return the series that some rule matches."""
    kept = [list(rule) for rule in rules]
    return [one for one in series if any(matches(rule, dict(one.labels)) for rule in kept)]


type Answer = tuple[frozenset[tuple[Labels, object]] | float | str, ...]
ERROR: Answer = ("error",)


def answer(queries: Sequence[str], series: Sequence[Series], steps: Iterable[int]) -> Answer:
    """Evaluate a query, or several whose series are to be united, over a range of steps.

    Returns what there is at each step; the order of series does not count.
    """
    try:
        trees = [(_Evaluator(series), read(query)) for query in queries]
        return tuple(
            _united([evaluator.value(tree, now) for evaluator, tree in trees]) for now in steps
        )
    except (EvaluationError, ParseError):
        return ERROR


def _united(values: Sequence[Value]) -> frozenset[tuple[Labels, object]] | float | str:
    if isinstance(values[0], float):
        return values[0]
    united: set[tuple[Labels, object]] = set()
    for value in values:
        assert isinstance(value, list)
        if len(set(value)) < len(value):
            return "the same series twice"
        united |= set(value)
    return frozenset(united)
