"""From a query to its plan over shards, or to the reason why there is none; pure.

A part of the query is *per series* when its answer over all series is the union of its answers over
the shards: a selector, a function of one series' range, anything that maps one element to one.
The largest such parts are sent to every shard. An aggregation over one is sent along where its
parts can be aggregated again. What stands above is computed from the merged answers.

Two things are checked on the way. Functions drop the metric name, and Prometheus reports elements
that have the same labels then; shards that never meet could not see that. So a part in which
labels may become equal is sent only as a whole, and its answers are compared (`unique`). And what a
function of a range reads must be per series: no vector that was put together has a past.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NoReturn

import tenantry_promql as promql
from query_gateway.label_names import is_legacy
from query_gateway.shards import plans, table
from query_gateway.shards.plans import Fetch, Kind, Merge, Plan
from tenantry_promql import operations
from tenantry_promql.errors import Refused
from tenantry_promql.functions import MATRIX, SCALAR, STRING, Reading
from tenantry_promql.literals import unquote
from tenantry_promql.numbers import number_value
from tenantry_promql.syntax import (
    METRIC_NAME,
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
    without_parens,
)

type Reach = Literal["constant", "series", "merged"]
"""`constant`: reads no series. `series`: per series. `merged`: neither, it has a plan."""

_ONE = "write the query so that every selector names one shard, or ask a backend of role global"


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a query on the way up."""

    kind: Kind
    reach: Reach
    text: str = ""
    """As PromQL; unless it is merged."""
    has_name: bool = True
    """Whether its elements carry their metric name still."""
    one_name: bool = False
    """Whether all its elements have, or had, the same one."""
    unique: bool = True
    """Whether no two elements of different series can have the same labels."""
    merged: Plan | None = None
    is_operation: bool = False
    """Whether the text needs parentheses to be an operand."""

    @property
    def operand(self) -> str:
        """The text, as an operand."""
        return f"({self.text})" if self.is_operation else self.text

    def plan(self) -> Plan:
        """Return how it is put together."""
        if self.merged is not None:
            return self.merged
        merge: Merge = "disjoint" if self.unique else "distinct"
        return Fetch(self.text, "any" if self.reach == "constant" else merge, self.kind)


def plan(tree: Node, upstream: promql.Upstream) -> Plan:
    """Return the plan of a query. Raises `Refused` where no exact answer can be put together."""
    whole = _Planner(upstream).part(tree)
    return Fetch(whole.text, "any", whole.kind) if whole.reach == "constant" else whole.plan()


class _Planner:
    def __init__(self, upstream: promql.Upstream) -> None:
        self._drops_names_late = upstream.delayed_name_removal
        self._knows_all_names = upstream.major >= 3

    def part(self, node: Node) -> _Part:
        match node:
            case NumberLiteral():
                # Of other spellings it depends on the server's version whether they are numbers.
                number = plans.Number(number_value(node.text)) if _is_plain(node.text) else None
                return _Part("scalar", "constant", node.text, merged=number)
            case StringLiteral():
                return _Part("scalar", "constant", node.text)
            case Paren():
                inner = self.part(node.inner)
                return dataclasses.replace(inner, text=f"({inner.text})")
            case Selector():
                named = any(
                    m.label == METRIC_NAME and m.op == "=" and m.value for m in node.matchers
                )
                kind: Kind = "matrix" if node.is_range else "vector"
                return _Part(kind, "series", node.text(), one_name=named)
            case Subquery():
                return self._subquery(node)
            case Call():
                return self._call(node)
            case Aggregation():
                return self._aggregation(node)
            case Chain():
                whole = operations.fold(node, self.part, self._unary, self._binary)
                return dataclasses.replace(whole, is_operation=False)

    # --- functions

    def _subquery(self, node: Subquery) -> _Part:
        inner = self._pushable(self.part(node.inner), "A subquery")
        return _Part(
            "matrix",
            inner.reach,
            inner.text + node.suffix,
            inner.has_name,
            inner.one_name,
        )

    def _call(self, node: Call) -> _Part:
        name = node.function.name
        reading = node.function.reading
        if reading is Reading.INFO:
            _refuse(f"{name}()", "the info metrics of a series may be in another shard")
        arguments = [self.part(argument) for argument in node.arguments]
        kind: Kind = "scalar" if node.function.result == SCALAR else "vector"
        text = node.text(argument.text for argument in arguments)
        if all(argument.reach == "constant" for argument in arguments):
            return _Part(kind, "constant", text)
        if reading is Reading.ABSENT:
            return self._absent(node, arguments[0], text)
        if name in ("scalar", "absent", "vector") or not self._is_per_series(node, arguments):
            return self._applied(node, arguments, kind)
        (series,) = (argument for argument in arguments if argument.reach == "series")
        return self._mapped(node, series, text)

    def _is_per_series(self, node: Call, arguments: list[_Part]) -> bool:
        """Say whether a call can be sent with its one vector, all others being constant."""
        if table.way_of_function(node.function.name) != "pushed":
            return False
        vectors = [argument for argument in arguments if argument.reach != "constant"]
        wants_range = MATRIX in node.function.argument_types
        if wants_range:
            (matrix,) = (argument for argument in arguments if argument.kind == "matrix")
            if vectors != [matrix]:
                _refuse(f"{node.function.name}()", "its parameter depends on data of all shards")
            self._pushable(matrix, f"{node.function.name}()")
            return True
        return len(vectors) == 1 and vectors[0].reach == "series" and vectors[0].unique

    def _mapped(self, node: Call, series: _Part, text: str) -> _Part:
        """Return a call that is per series."""
        name = node.function.name
        keeps = node.function.reading is Reading.RANGE_KEEPING_NAME or name in table.ORDERING
        relabels = name in table.RELABELLING
        part = _Part("vector", "series", text, series.has_name, series.one_name, not relabels)
        if not keeps and not relabels:
            part = self._without_name(part)
        if name in table.ORDERING:
            merged = plans.Applied(name, (part.plan(),))
            return _Part("vector", "merged", merged=merged)
        return part

    def _without_name(self, part: _Part) -> _Part:
        unique = part.unique and (part.one_name or not part.has_name or self._drops_names_late)
        return dataclasses.replace(part, has_name=False, unique=unique)

    def _absent(self, node: Call, argument: _Part, text: str) -> _Part:
        """Absent everywhere is absent; the labels are made of the selector, so all shards agree."""
        name = node.function.name
        if isinstance(without_parens(node.arguments[0]), Selector):
            return _Part("vector", "merged", merged=Fetch(text, "everywhere"))
        if argument.kind == "matrix":
            self._pushable(argument, f"{name}()")
            return _Part("vector", "merged", merged=Fetch(text, "everywhere"))
        return self._applied(node, [argument], "vector")

    def _applied(self, node: Call, arguments: list[_Part], kind: Kind) -> _Part:
        name = node.function.name
        if name not in table.LOCAL:
            _refuse(
                f"{name}() of a vector that is put together",
                "it cannot be computed here to the last digit",
            )
        types = node.function.argument_types
        texts = tuple(
            unquote(argument.text)
            for argument, written in zip(arguments, node.arguments, strict=True)
            if isinstance(without_parens(written), StringLiteral)
        )
        vectors = tuple(
            argument.plan()
            for argument, written in zip(arguments, node.arguments, strict=True)
            if not isinstance(without_parens(written), StringLiteral)
        )
        if STRING in types and not texts:
            _refuse(f"{name}()", "its strings are missing")
        if self._drops_names_late and METRIC_NAME in texts:
            self._check_names((METRIC_NAME,))
        return _Part(kind, "merged", merged=plans.Applied(name, vectors, texts))

    # --- aggregations

    def _aggregation(self, node: Aggregation) -> _Part:
        op = node.op.lower()
        if op not in table.LOCAL_AGGREGATIONS:
            _refuse(f"{op}", "which series it keeps depends on their order")
        *parameters, inner = [self.part(argument) for argument in node.arguments]
        groups = operations.grouping(node)
        self._check_names(groups.labels)
        if inner.reach == "constant" and all(one.reach == "constant" for one in parameters):
            text = node.text(argument.text for argument in (*parameters, inner))
            return _Part("vector", "constant", text)
        return _Part("vector", "merged", merged=self._over(node, op, groups, parameters, inner))

    def _over(
        self,
        node: Aggregation,
        op: str,
        groups: operations.Grouping,
        parameters: list[_Part],
        inner: _Part,
    ) -> Plan:
        # Elements with equal labels are one element of the merged vector, so where they may be equal
        # the vector has to be seen before it is aggregated.
        pushed = inner.reach == "series" and inner.unique
        constant = all(one.reach == "constant" for one in parameters)
        if pushed and constant:
            text = node.text(argument.text for argument in (*parameters, inner))
            if op in table.PUSHED_AGGREGATIONS:
                return Fetch(text, _merge(table.PUSHED_AGGREGATIONS[op]))
            if op == "count_values":
                return Fetch(text, "sum")
            if op == "avg":
                sums, counts = (_renamed(node, other, inner.text) for other in ("sum", "count"))
                return plans.Mean(Fetch(sums, "sum"), Fetch(counts, "sum"))
            if op in table.CHOOSING:
                chosen = Fetch(text, "disjoint")
                return plans.Aggregated(op, groups, chosen, parameters[0].plan())
        if op == "count_values":
            _refuse(f"{op} of a vector that is put together", "it writes numbers as text")
        parameter = parameters[0].plan() if parameters else None
        return plans.Aggregated(op, groups, inner.plan(), parameter)

    # --- operators

    def _unary(self, operator: Operator, part: _Part) -> _Part:
        text = f"{operator.symbol}{part.operand}"
        if part.reach == "constant":
            number = part.merged
            if isinstance(number, plans.Number) and operator.symbol == "-":
                number = plans.Number(-number.value)
            return _Part(part.kind, "constant", text, merged=number, is_operation=True)
        printed = dataclasses.replace(part, text=text, is_operation=True)
        if operator.symbol == "+":
            return printed
        if part.reach == "series" and part.unique:
            return self._without_name(printed)
        return _Part(part.kind, "merged", merged=plans.Negated(part.plan()))

    def _binary(self, operator: Operator, left: _Part, right: _Part) -> _Part:
        text = f"{left.operand} {operator.text()} {right.operand}"
        kind: Kind = "scalar" if left.kind == right.kind == "scalar" else "vector"
        if left.reach == right.reach == "constant":
            return _Part(kind, "constant", text, is_operation=True)
        for series, other in ((left, right), (right, left)):
            if series.reach == "series" and series.unique and _is_constant_number(other):
                part = dataclasses.replace(series, text=text, is_operation=True)
                filters = _is_comparison(operator) and not operator.returns_bool
                return part if filters else self._without_name(part)
        op = operator.symbol.lower()
        if op not in table.LOCAL_OPERATORS:
            _refuse(
                f"{op} of vectors that are put together",
                "it cannot be computed here to the last digit",
            )
        matching = None
        if left.kind == right.kind == "vector":
            matching = operations.matching(operator)
            self._check_names((*matching.labels, *matching.include))
            if matching.fill_left is not None or matching.fill_right is not None:
                _refuse("fill of vectors that are put together", "this version does not compute it")
        merged = plans.Combined(op, left.plan(), right.plan(), operator.returns_bool, matching)
        return _Part(kind, "merged", merged=merged)

    def _check_names(self, labels: Sequence[str]) -> None:
        """Refuse labels that elements have but do not show, and those that no server would have read."""
        if not self._knows_all_names and not all(map(is_legacy, labels)):
            _refuse(
                "a label name in quotes", "these servers are too old for it", "rename the label"
            )
        if self._drops_names_late and METRIC_NAME in labels:
            _refuse(
                f"{METRIC_NAME} as a label of elements",
                "these servers remove it late (promql-delayed-name-removal)",
            )

    def _pushable(self, part: _Part, what: str) -> _Part:
        """Return a part that is sent as it is, or refuse it. A range has to be in the shards."""
        if part.reach == "merged":
            _refuse(
                f"{what} over an aggregation or over several vectors",
                "the past of a vector that is put together from several shards is nowhere",
            )
        if not part.unique:
            _refuse(
                f"{what} over series of several names",
                "series of different shards could become equal unnoticed",
                "name one metric",
            )
        return part


def _renamed(node: Aggregation, op: str, text: str) -> str:
    """Print an aggregation with another operator."""
    return Aggregation(op, node.modifier, node.modifier_first, node.arguments, node.start).text(
        [text]
    )


def _is_plain(number: str) -> bool:
    return set(number) <= set("0123456789.eE+-")


def _merge(op: str) -> Merge:
    match op:
        case "sum" | "min" | "max":
            return op
        case _:
            raise AssertionError(op)


def _is_constant_number(part: _Part) -> bool:
    return part.kind == "scalar" and part.reach == "constant"


def _is_comparison(operator: Operator) -> bool:
    return operator.symbol in ("==", "!=", "<", ">", "<=", ">=")


def _refuse(what: str, why: str, instead: str = _ONE) -> NoReturn:
    raise Refused(what, why, instead)
